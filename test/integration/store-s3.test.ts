/** The store on a real S3 server; on a second one in test/s3. */
import { S3World } from '../fixtures/s3-world.ts';
import { describeStore } from './store-contract.ts';

describeStore('versitygw', async () => (await S3World.start()).underTest(), { rounds: 20 });
