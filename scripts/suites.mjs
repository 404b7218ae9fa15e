// The suites of npm test, in the order in which they run, and what each needs of the machine.

const iproute = { package: 'iproute2', programs: ['ip', 'tc'] };
const clang = { package: 'clang-19', programs: ['clang-19'] };
const bpftool = { package: 'bpftool', programs: ['bpftool'] };
const libbpf = { package: 'libbpf-dev', files: ['/usr/include/bpf/bpf_helpers.h'] };
const pip = { package: 'python3-pip', programs: ['python3', 'pip3'] };
const nftables = { package: 'nftables', programs: ['nft'] };

const etcd = { package: 'etcd-server', programs: ['etcd'] };

/** Servers that tests start; fetched or built once, before the suite's time begins. */
const servers = ['kafka', 'versitygw'];

/**
 * `limitS` ends the suite; `testLimitS` ends one test; `parallel` files at once (0: as many as there are cores); `apart`:
 * only where it is named.
 */
export const suites = [
  { name: 'unit', limitS: 180, testLimitS: 60, parallel: 0, root: false, needs: [] },
  { name: 'property', limitS: 300, testLimitS: 240, parallel: 0, root: false, needs: [] },
  { name: 'bpf', limitS: 300, testLimitS: 120, parallel: 1, root: true, needs: [clang, bpftool, libbpf, iproute] },
  {
    name: 'integration',
    limitS: 300,
    testLimitS: 120,
    parallel: 1,
    root: true,
    needs: [iproute, nftables, pip],
    servers: [...servers, 'python'],
  },
  { name: 'fault', limitS: 720, testLimitS: 300, parallel: 2, root: true, needs: [iproute], servers },
  { name: 'e2e', limitS: 900, testLimitS: 600, parallel: 1, root: true, needs: [iproute] },
  {
    name: 'kubernetes',
    limitS: 400,
    testLimitS: 120,
    parallel: 1,
    root: false,
    needs: [etcd],
    servers: ['kube-apiserver'],
    apart: true,
  },
  {
    name: 'registry',
    limitS: 240,
    testLimitS: 120,
    parallel: 1,
    root: false,
    needs: [],
    servers: ['apicurio'],
    apart: true,
  },
  { name: 's3', limitS: 240, testLimitS: 120, parallel: 1, root: false, needs: [], servers: ['minio'], apart: true },
];
