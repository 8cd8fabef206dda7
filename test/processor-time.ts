/** A stopwatch, in ms of processor time of this process: unlike the clock it does not count what others do on the machine meanwhile. */
export function processorTime(): () => number {
  const begun = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1000;
  };
}
