/** Apache Kafka's jars from Maven Central, kept in the cache (facts: 45 jars, 43 MB, about 15 s once). */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { requireProgram, runProgram } from './programs.ts';

export const KAFKA_VERSION = '4.4.0';
const LOG4J_VERSION = '2.25.2';

const dependency = (group: string, artifact: string, version: string): string =>
  `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>weir</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
${dependency('org.apache.kafka', 'kafka_2.13', KAFKA_VERSION)}
${dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', LOG4J_VERSION)}
${dependency('org.apache.logging.log4j', 'log4j-core', LOG4J_VERSION)}
</dependencies></project>
`;

export interface KafkaInstall {
  readonly java: string;
  /** For java -cp. */
  readonly classPath: string;
}

/** Installs at the first call of all; later ones find it. */
export async function installKafka(): Promise<KafkaInstall> {
  const java = requireProgram('java', 'Apache Kafka', 'install a JDK of version 17 or newer');
  const folder = await cached(`kafka-${KAFKA_VERSION}`, async (draft) => {
    const maven = requireProgram('mvn', 'Apache Kafka', 'install Maven');
    await writeFile(join(draft, 'pom.xml'), POM);
    const goals = ['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=lib'];
    await runProgram(maven, goals, draft);
  });
  return { java, classPath: join(folder, 'lib', '*') };
}
