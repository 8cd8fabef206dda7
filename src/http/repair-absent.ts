import { OrcoError } from "../kernel/errors.ts";
import type { RepairService } from "../repair/service.ts";

/** Of a daemon without repairs: there are none, and none can be made. */
export function absentRepair(): RepairService {
  return {
    create: refuse,
    list: () => ({ runs: [] }),
    get: notThere,
    artifacts: notThere,
    artifact: notThere,
    decide: notThere,
    retry: notThere,
    cancel: notThere,
    ciFailed: refuse,
    projects: async () => [],
    addProject: refuse,
    removeProject: notThere,
  };
}

async function refuse(): Promise<never> {
  throw new OrcoError("docker_unavailable", "this daemon repairs nothing: it has no docker");
}

async function notThere(): Promise<never> {
  throw new OrcoError("not_found", "there is no repair of that id: this daemon has none");
}
