/** The contract of a store on a second S3 server, whose code has nothing in common with the first. */
import { S3World } from '../fixtures/s3-world.ts';
import { describeStore } from '../integration/store-contract.ts';
import { startMinio } from '../servers/minio.ts';

describeStore('MinIO', async () => (await S3World.start(startMinio)).underTest(), { rounds: 20 });
