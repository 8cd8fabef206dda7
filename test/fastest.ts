/** The shortest of three attempts, in ms: a busy machine pauses now and then, and makes nothing faster than it is. `attempt` resolves with how long it took. */
export async function fastest(attempt: () => Promise<number>): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < 3; n++) took.push(await attempt());
  return Math.min(...took);
}
