/** The files of a tar archive (POSIX ustar: blocks of 512 bytes, numbers in octal). */

const block = 512;

export function* readTar(archive: Buffer): Generator<{ path: string; bytes: Buffer }> {
  for (let at = 0; at + block <= archive.length && archive[at] !== 0; ) {
    const text = (from: number, length: number) =>
      archive
        .subarray(at + from, at + from + length)
        .toString('utf8')
        .split('\0', 1)[0] as string;
    const [name, prefix, kind, size] = [text(0, 100), text(345, 155), text(156, 1), Number.parseInt(text(124, 12), 8)];
    if (kind === '0' || kind === '') {
      yield { path: prefix ? `${prefix}/${name}` : name, bytes: archive.subarray(at + block, at + block + size) };
    }
    at += block + Math.ceil(size / block) * block;
  }
}
