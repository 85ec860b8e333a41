// Prints how fast this machine reads memory, in bytes per second: the ceiling of decoding from memory.
import { measureReadBandwidth } from '../../dist/lib/index.js';

console.log(await measureReadBandwidth(Number(process.argv[2])));
