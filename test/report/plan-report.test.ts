import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { placement, planReport } from '../../lib/index.js';
import { escapeHtml } from '../../lib/report/page.js';
import { randomTrace } from '../cache-sim/made-up-traces.js';
import { temporaryDirectory } from '../support/temporary-directory.js';
import { chromium, render } from './browser.js';

const evil = `</title></script><script>alert(1)</script><img src=x onerror="alert('2')">&`;

function planOf(options: placement.PlanOptions = {}, nodes = 2): Promise<placement.Plan> {
  const made = randomTrace(
    { layers: 3, experts: 16, k: 2 },
    [
      { prompt: 40, text: 40 },
      { prompt: 40, text: 90 },
    ],
    1,
  );
  return placement.plan({ ...made, model: evil }, { gpus: 4, nodes }, { timeLimit: 1, ...options });
}

describe('the report of a plan', () => {
  it('needs nothing from the network, shows names as they are, and runs none of them', async () => {
    const html = planReport(await planOf());
    expect(html).not.toMatch(/(src|href)\s*=\s*["']?(https?:)?\/\//i);
    expect(html).toContain(`<h1>Placement of experts: ${escapeHtml(evil)}</h1>`);
    expect(html.match(/<script>/g)).toHaveLength(2);
    expect(html).not.toContain('<img');
  });

  it('has a bar and a line of numbers for every baseline and the plan, and what was asked for beside', async () => {
    const plan = await planOf({ objective: 'fused', hiddenSize: 64, replicas: 20 });
    const html = planReport(plan);
    const placements = Object.keys(plan.evaluation.baselines).length + 1;
    expect(html.match(/<div class="bar/g)).toHaveLength(placements + 1); // and what holds them
    const [first, tradeOff, communication] = html.match(/<table class="rows">[\s\S]*?<\/table>/g) ?? [];
    expect(first?.match(/<tr>/g)).toHaveLength(placements + 1);
    expect(tradeOff).toContain('weight of balance');
    expect(communication).toContain('Alltoall');
    const share = (100 * (plan.evaluation.plan.path?.share ?? 0)).toFixed(1);
    expect(html).toContain(`<b>${share} %, `);
    expect(planReport(await planOf({}, 1))).toContain(' %</b>');
  });
});

describe.runIf(chromium)('the report of a plan in a browser', () => {
  it.each([false, true])('draws its charts without an error (dark: %j)', async (dark) => {
    const file = join(temporaryDirectory(), 'report.html');
    writeFileSync(file, planReport(await planOf({ objective: 'fused' })));
    const page = render(file, dark);
    expect(page.console).toEqual([]);
    expect(page.html).toContain('data-drawn="yes"');
    expect(page.html.match(/class="u-over"/g)).toHaveLength(1);
    expect(page.html).toMatch(/<canvas id="map"[^>]*width="16" height="3"/);
  });
});
