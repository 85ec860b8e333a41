/** `moeflow predictor`: training and trying route predictors. */

import type { Command } from 'commander';
import { addEval } from './eval.js';
import { addTrain } from './train.js';

export function addPredictor(program: Command): void {
  const predictor = program
    .command('predictor')
    .description("Trains and tries predictors of a model's routes, which say what experts to fetch ahead.");
  addTrain(predictor);
  addEval(predictor);
}
