// What has to be on a machine to build moeflow. Each thing that is missing is one sentence that says how to get it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { StepError } from './step.mjs';

const oldestNode = [20, 19];
const oldestCmake = [3, 18];

export function checkNode() {
  if (isAtLeast(process.versions.node, oldestNode)) return;
  throw new StepError(
    `Node.js ${oldestNode.join('.')} or newer is needed, this is ${process.versions.node}: see https://nodejs.org`,
  );
}

export function checkCmake() {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new StepError(`moeflow builds on Linux and macOS, not on ${process.platform}; on Windows use WSL`);
  }
  const version = /version (\d+\.\d+)/.exec(outputOf('cmake', ['--version']) ?? '')?.[1];
  if (version === undefined) throw new StepError(`CMake is missing; ${howToInstall('cmake')}`);
  if (isAtLeast(version, oldestCmake)) return;
  throw new StepError(
    `CMake ${oldestCmake.join('.')} or newer is needed, this is ${version}: "pip install cmake" has newer ones`,
  );
}

/** Compiles something, so only for the first build. */
export function checkCompiler() {
  if (!['ninja', 'make', 'gmake'].some((tool) => outputOf(tool, ['--version']) !== undefined)) {
    throw new StepError(`A build tool (make or ninja) is missing; ${howToInstall('make')}`);
  }
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  const compiler = candidates.find((candidate) => outputOf(candidate, ['--version']) !== undefined);
  if (compiler === undefined) {
    const named = process.env.CXX ? ` (CXX is ${process.env.CXX}, which cannot be run)` : '';
    throw new StepError(`A C++ compiler is missing${named}; ${howToInstall('compiler')}`);
  }
  const source = '#include <bit>\n#include <concepts>\n#include <ranges>\n#include <span>\nstd::span<int> numbers;\n';
  if (outputOf(compiler, ['-std=c++20', '-fsyntax-only', '-x', 'c++', '-'], source) !== undefined) return;
  throw new StepError(
    `The C++ compiler ${compiler} does not know C++20; GCC 11 and Clang 14 do: install one and set CXX to it`,
  );
}

function outputOf(program, programArguments, input = '') {
  const ran = spawnSync(program, programArguments, { encoding: 'utf8', input });
  return ran.status === 0 ? ran.stdout : undefined;
}

function isAtLeast(version, [major, minor]) {
  const [thisMajor = 0, thisMinor = 0] = version.split('.').map(Number);
  return thisMajor > major || (thisMajor === major && thisMinor >= minor);
}

const packageManagers = [
  { systems: ['debian', 'ubuntu'], install: 'apt-get install', compiler: 'g++', make: 'make' },
  { systems: ['fedora', 'rhel', 'suse'], install: 'dnf install', compiler: 'gcc-c++', make: 'make' },
  { systems: ['alpine'], install: 'apk add', compiler: 'g++', make: 'make' },
  { systems: ['arch'], install: 'pacman -S', compiler: 'gcc', make: 'make' },
];

function howToInstall(what) {
  if (process.platform === 'darwin') {
    return what === 'cmake' ? 'install it with: brew install cmake' : 'install it with: xcode-select --install';
  }
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const ids = /^ID=.*$|^ID_LIKE=.*$/gm;
  const system = (release.match(ids) ?? []).join(' ');
  const manager = packageManagers.find(({ systems }) => systems.some((name) => system.includes(name)));
  if (!manager) return 'install it with the package manager of this system';
  return `install it with: ${manager.install} ${what === 'cmake' ? 'cmake' : manager[what]}`;
}
