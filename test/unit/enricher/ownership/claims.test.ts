import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClaimStore, INLINE, type NewClaim, OPEN, packMeta, SCAN_MAX } from '../../../../enricher/ownership/claims.ts';
import { EntryTable, keyDetail } from '../../../../enricher/ownership/entries.ts';
import { Random } from '../../../property/enricher-world.ts';

const HOUR_US = 3_600_000_000;
const BEGIN_US = 1_795_305_600_000_000;

/** One time in three is hours from the next. */
function claimOf(random: Random): NewClaim {
  const far = (): number => (random.chance(30) ? random.below(9) * HOUR_US : random.below(2_000_000));
  const fromUs = BEGIN_US + random.below(HOUR_US);
  const isOpen = random.chance(40);
  const toUs = isOpen ? 0 : fromUs + far();
  const latestUs = isOpen ? fromUs + far() : toUs + far();
  const meta = packMeta(random.below(1 << 20), random.below(9), isOpen ? OPEN : 0);
  return { earliestUs: fromUs - far(), fromUs, toUs, latestUs, workload: random.below(1000) - 1, meta };
}

function read(claims: ClaimStore, claim: number): NewClaim {
  const isOpen = claims.isOpen(claim);
  return {
    earliestUs: claims.earliestUs(claim),
    fromUs: claims.fromUs(claim),
    toUs: isOpen ? 0 : claims.toUs(claim),
    latestUs: isOpen ? claims.statedFromUs(claim) : claims.latestUs(claim),
    workload: claims.workload(claim),
    meta: claims.meta(claim),
  };
}

test('claims in blocks come back as they were written, also with times far apart, through copies and blocks used again', () => {
  const random = new Random(11);
  const claims = new ClaimStore(new EntryTable());
  const blocks: { block: number; sizeClass: number; held: NewClaim[] }[] = [];
  for (let step = 0; step < 4000; step += 1) {
    const known = blocks.length > 0 && random.chance(60) ? random.pick(blocks) : null;
    if (known === null) {
      const sizeClass = random.below(5);
      const block = claims.allocate(sizeClass);
      const held = Array.from({ length: 1 << sizeClass }, () => claimOf(random));
      held.forEach((claim, i) => claims.write(block + i, claim));
      blocks.push({ block, sizeClass, held });
    } else if (random.chance(30)) {
      claims.release(known.block, known.sizeClass);
      blocks.splice(blocks.indexOf(known), 1);
    } else if (known.held.length > 1) {
      // As an insertion does it: make room in the middle, and write there.
      const index = random.below(known.held.length - 1);
      claims.copy(known.block + index, known.block + index + 1, known.held.length - 1 - index);
      const claim = claimOf(random);
      claims.write(known.block + index, claim);
      known.held.splice(index, 0, claim);
      known.held.pop();
    }
    if (step % 100 > 0) continue;
    for (const { block, held } of blocks)
      assert.deepEqual(
        held.map((_, i) => read(claims, block + i)),
        held,
      );
  }
  for (const { block, sizeClass, held } of blocks) {
    claims.reach(block, sizeClass, 0, held.length);
    const ends = held.map(({ meta, latestUs }) => ((meta & OPEN) === 0 ? latestUs : Number.POSITIVE_INFINITY));
    for (let count = 1; count <= held.length; count += 1) {
      if (count > SCAN_MAX && 1 << sizeClass <= SCAN_MAX) continue;
      assert.equal(claims.reachUs(block, count), Math.max(...ends.slice(0, count)));
    }
  }
});

test('a claim lies in its entry only where all of it fits there', () => {
  const random = new Random(12);
  const entries = new EntryTable();
  const claims = new ClaimStore(entries);
  let inline = 0;
  for (let i = 0; i < 2000; i += 1) {
    const entry = entries.obtain(Int32Array.of(0, 0, -65_536, i), 0, keyDetail(0, 128), 0);
    const drawn = claimOf(random);
    const claim = random.chance(50) && drawn.toUs === 0 ? { ...drawn, latestUs: drawn.fromUs } : drawn;
    const isPlain = claim.toUs === 0 && claim.latestUs === claim.fromUs && claim.workload >= 0;
    const fits = isPlain && claim.fromUs - claim.earliestUs < 2 ** 31;
    assert.equal(claims.inline(entry, claim), fits);
    if (!fits) continue;
    inline += 1;
    assert.equal(entries.block(entry), INLINE + entry);
    assert.deepEqual(read(claims, INLINE + entry), claim);
  }
  assert.ok(inline > 100);
});
