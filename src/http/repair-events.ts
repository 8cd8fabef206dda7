import { z } from "zod";
import { type Site, endpoint } from "./endpoint.ts";
import { REPAIRS } from "./repair-answer.ts";
import { cursorQuery, runStream, STREAM_ANSWERS } from "./run-stream.ts";
import { oneRepair } from "./schemas.ts";

/** The stream of `/runs/{runId}/events`, for who knows the run as a repair. */
export function repairEventsRoute(site: Site): void {
  const { deps } = site;
  const stream = {
    path: `${REPAIRS}/{run_id}/events`,
    id: "repairEvents",
    summary: "The steps of a repair and what its builds say, as it happens",
    answers: STREAM_ANSWERS,
  };
  endpoint(site, { method: "get", params: oneRepair, query: z.strictObject(cursorQuery), ...stream }, async (c, { params, query }) => {
    const { run_id: runId } = await deps.services.repair.get(params.run_id);
    return runStream(deps, c, { runId, query });
  });
}
