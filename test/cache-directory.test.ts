import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cacheDirectory } from '../lib/cache-directory.js';

describe('the cache directory', () => {
  it.each([
    ['linux', {}, '/home/u/.cache/moeflow'],
    ['linux', { XDG_CACHE_HOME: '/var/caches' }, '/var/caches/moeflow'],
    ['linux', { XDG_CACHE_HOME: 'relative' }, '/home/u/.cache/moeflow'],
    ['linux', { XDG_CACHE_HOME: '' }, '/home/u/.cache/moeflow'],
    ['darwin', { XDG_CACHE_HOME: '/var/caches' }, '/home/u/Library/Caches/moeflow'],
    ['win32', { LOCALAPPDATA: '/local' }, '/local/moeflow'],
    ['win32', {}, join('/home/u', 'AppData', 'Local', 'moeflow')],
    ['linux', { MOEFLOW_CACHE_DIR: '/mine', XDG_CACHE_HOME: '/var/caches' }, '/mine'],
  ])('on %s with %j is %s', (platform, environment, expected) => {
    expect(cacheDirectory(environment, platform, '/home/u')).toBe(expected);
  });
});
