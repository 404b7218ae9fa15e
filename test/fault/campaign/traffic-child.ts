/** traffic-child.ts NODE CGROUP: joins the cgroup, then for each number on stdin makes as many connections to itself. */
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { bytesBack, bytesOut, clientAddress, connectionOf } from './traffic.ts';

const AT_ONCE_MAX = 32;

const [, , nodeText = '', cgroup = ''] = process.argv;
const node = Number(nodeText);
writeFileSync(`${cgroup}/cgroup.procs`, String(process.pid));

let asked = 0;
let next = 0;
let open = 0;
/** Ends that are still open, by connection. */
const ends = new Map<number, number>();

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function closed(index: number): void {
  const left = (ends.get(index) ?? 0) - 1;
  if (left > 0) return void ends.set(index, left);
  ends.delete(index);
  open--;
  say('ended');
  more();
}

function serve(socket: Socket): void {
  const from = connectionOf(socket.remoteAddress ?? '');
  if (from === null) {
    say(`a connection came from ${socket.remoteAddress}`);
    return;
  }
  socket.on('error', (error) => say(`server end ${from.index}: ${error.message}`));
  socket.resume().on('end', () => socket.end(Buffer.alloc(bytesBack(from.index), 98)));
  socket.on('close', () => closed(from.index));
}

const server = createServer({ allowHalfOpen: true }, serve).listen({ host: '127.0.0.1', port: 0, backlog: 1024 });

function begin(): void {
  const index = next++;
  open++;
  ends.set(index, 2);
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, localAddress: clientAddress(node, index), allowHalfOpen: true });
  socket.on('error', (error) => say(`client end ${index}: ${error.message}`));
  socket.resume().on('close', () => closed(index));
  socket.end(Buffer.alloc(bytesOut(index), 97));
}

function more(): void {
  while (next < asked && open < AT_ONCE_MAX) begin();
}

server.on('listening', () => say('ready'));
createInterface({ input: process.stdin }).on('line', (line) => {
  asked += Number(line);
  more();
});
