/**
 * kube-apiserver from its Go modules, kept in the cache: 574 CPU-seconds and 2.3 GB of memory once, a binary of 119 MB.
 * k8s.io/kubernetes requires its own staging modules at v0.0.0, so they are replaced by what was published of them.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { requireProgram, runProgram } from './programs.ts';

export const KUBERNETES_VERSION = '1.37.2';
const STAGING_VERSION = `v0.${KUBERNETES_VERSION.slice(2)}`;

const STAGING =
  `api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap
  code-generator component-base component-helpers controller-manager cri-api cri-client cri-streaming csi-translation-lib
  dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator kube-controller-manager kube-proxy
  kube-scheduler kubectl kubelet metrics mount-utils pod-security-admission sample-apiserver sample-cli-plugin
  sample-controller streaming`.split(/\s+/);

const GO_MOD = `module weir.test/kube-apiserver

go 1.26.0

godebug default=go1.26

require k8s.io/kubernetes v${KUBERNETES_VERSION}

replace (
${STAGING.map((name) => `\tk8s.io/${name} => k8s.io/${name} ${STAGING_VERSION}`).join('\n')}
)
`;

/** What the API server says of itself at /version; without it clients are told that it is v0.0.0. */
const VERSION_FLAGS = [
  `-X k8s.io/component-base/version.gitVersion=v${KUBERNETES_VERSION}`,
  `-X k8s.io/component-base/version.gitMajor=${KUBERNETES_VERSION.split('.')[0] ?? ''}`,
  `-X k8s.io/component-base/version.gitMinor=${KUBERNETES_VERSION.split('.')[1] ?? ''}`,
];

export interface KubeInstall {
  readonly apiServer: string;
  readonly etcd: string;
}

/** Builds at the first call of all; later ones find the binary. */
export async function installKube(): Promise<KubeInstall> {
  const etcd = requireProgram('etcd', 'kube-apiserver', "install Debian's package etcd-server");
  const folder = await cached(`kube-apiserver-${KUBERNETES_VERSION}`, build);
  return { apiServer: join(folder, 'kube-apiserver'), etcd };
}

async function build(draft: string): Promise<void> {
  const go = requireProgram('go', 'kube-apiserver', 'install Go 1.26 or newer');
  const source = join(draft, 'source');
  await mkdir(source);
  await writeFile(join(source, 'go.mod'), GO_MOD);
  const ldflags = `-s -w ${VERSION_FLAGS.join(' ')}`;
  const args = ['build', '-mod=mod', '-trimpath', '-buildvcs=false', `-ldflags=${ldflags}`, '-o', '../kube-apiserver'];
  const env = ['env', 'CGO_ENABLED=0', `GOCACHE=${join(draft, 'go-build')}`];
  // Beside other work: the lowest priority, one package at a time.
  await runProgram('nice', ['-n', '19', ...env, go, ...args, '-p=1', 'k8s.io/kubernetes/cmd/kube-apiserver'], source);
  // The build cache is 2.7 GB and serves nothing else.
  await rm(join(draft, 'go-build'), { recursive: true, force: true });
  await rm(source, { recursive: true, force: true });
}
