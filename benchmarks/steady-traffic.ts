/**
 * A steady number of connections a second, for the memory soak:
 *   steady-traffic.ts serve ADDR PORT          prints "ready"
 *   steady-traffic.ts connect ADDR PORT RATE   until SIGTERM; then prints how many connections ended well
 */
import { connect, createServer } from 'node:net';

const TICK_MS = 20;
const [mode, address = '', port = '0', rate = '0'] = process.argv.slice(2);

function serve(): void {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.end('y'.repeat(1000)));
  });
  server.listen(Number(port), address, 4096, () => process.stdout.write('ready\n'));
  process.on('SIGTERM', () => process.exit(0));
}

function keepConnecting(): void {
  let due = 0;
  let ended = 0;
  const timer = setInterval(() => {
    for (due += (Number(rate) * TICK_MS) / 1000; due >= 1; due--) {
      const socket = connect(Number(port), address);
      socket.on('error', () => socket.destroy());
      socket.on('connect', () => socket.write('x'.repeat(100)));
      socket.on('end', () => ended++);
      socket.resume();
    }
  }, TICK_MS);
  process.on('SIGTERM', () => {
    clearInterval(timer);
    setTimeout(() => {
      process.stdout.write(`${ended} connections\n`);
      process.exit(0);
    }, 1000);
  });
}

if (mode === 'serve') serve();
else keepConnecting();
