/** Every fault of a campaign. Each does its worst, counts itself once it was seen, and leaves everything running. */
import type { Fault } from './fault.ts';
import { SERVER_FAULTS } from './server-faults.ts';
import { STAGE_FAULTS } from './stage-faults.ts';

export const FAULTS: readonly Fault[] = [...STAGE_FAULTS, ...SERVER_FAULTS];
