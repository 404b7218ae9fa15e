// npm run soak: what is too long for npm test. Without a name it lists the items; `npm run soak -- NAME` runs one,
// `npm run soak -- all` every one in order.
import { flags, requirePinnedNode, run } from './node24.mjs';
import { fail, say, setup } from './setup.mjs';
import { soaks } from './soaks.mjs';

const wanted = process.argv.slice(2);
if (wanted.length === 0) {
  for (const { name, what } of soaks) say(`${name.padEnd(20)} ${what}`);
  process.exit(0);
}
const unknown = wanted.filter((name) => name !== 'all' && !soaks.some((soak) => soak.name === name));
if (unknown.length > 0) fail(`npm run soak: no item ${unknown.join(', ')}; npm run soak lists them`);

await setup({ addon: 'required' });
const results = [];
for (const soak of soaks) {
  if (!wanted.includes('all') && !wanted.includes(soak.name)) continue;
  say(`\n== ${soak.name}: ${soak.what}`);
  const started = Date.now();
  const status = await run(requirePinnedNode(), [...flags, ...soak.command], { env: soak.env ?? {} });
  results.push({ name: soak.name, status, seconds: (Date.now() - started) / 1000 });
}
say('\n== soak');
for (const { name, status, seconds } of results) {
  say(`${name.padEnd(20)} ${seconds.toFixed(1).padStart(8)} s  ${status === 0 ? 'ok' : 'failed'}`);
}
process.exitCode = results.every(({ status }) => status === 0) ? 0 : 1;
