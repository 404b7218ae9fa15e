/** The store on real S3 servers: versitygw always, minio too where WEIR_TEST_S3 names it. */
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { S3World } from '../fixtures/s3-world.ts';
import { describeStore } from './store-contract.ts';

describeStore(
  'versitygw',
  async () => {
    const world = await S3World.start();
    const open = () => world.open();
    const client = await world.server.client();
    return {
      store: await open(),
      another: open,
      metadataOf: async (name) => {
        const head = await client.send(new HeadObjectCommand({ Bucket: world.bucket, Key: `lake/${name}` }));
        return head.Metadata ?? {};
      },
      close: () => world.stop(),
    };
  },
  { rounds: 20 },
);
