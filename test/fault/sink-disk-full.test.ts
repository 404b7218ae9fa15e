/**
 * Invariant: a full disk damages nothing and loses nothing: what is held is kept, tried again, and stored when there is
 * room. The disk is a small tmpfs in a mount namespace that ends with the child.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('../fixtures/sink-on-full-disk.sh', import.meta.url));

test('a sink on a full disk keeps what it holds and stores it when there is room', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-full-'));
  try {
    // As root a mount namespace is enough; others need a user namespace around it.
    const unshare = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user'];
    const child = spawn('unshare', [...unshare, 'sh', CHILD, process.execPath, folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      // Told twice that the disk is full, the script is asked to make room.
      if (lines.filter((entry) => entry.includes('WEIR_SINK_STORE_FULL')).length === 2) child.stdin.write('room\n');
    }
    const [status] = (await ended) as [number | null];
    assert.equal(status, 0, lines.join('\n'));
    assert.ok(lines.includes('visible while full: 0'), lines.join('\n'));
    const report = JSON.parse(lines.at(-1)!) as { rows: number; lost: number; leftovers: number };
    assert.deepEqual(report, { rows: 3 * 1995, lost: 3 * 5, leftovers: 0 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
