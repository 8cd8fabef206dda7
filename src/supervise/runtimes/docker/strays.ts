import { removeContainer } from "../../docker/containers.ts";
import type { Engine } from "../../docker/engine.ts";
import { OURS } from "../../docker/ownership.ts";
import { COMMAND } from "./one-off.ts";
import type { Removal } from "./removal.ts";

export interface Stray {
  readonly container: string;
  readonly name: string;
  readonly instance: string;
}

/** Label of steps of runs: those look after their own. */
const RUN = "orco.run";

/** Containers of this home that nobody knows: what ended is removed, with the commands of former daemons; what runs is only named. */
export async function removeStrays(
  isKnown: (instance: string) => boolean,
  { engine, removal, nonce }: { readonly engine: Engine; readonly removal: Removal; readonly nonce: string },
): Promise<Stray[]> {
  const running: Stray[] = [];
  for (const { Id, Names, Labels, State } of await removal.rows({ [OURS.stack]: undefined })) {
    const { [OURS.instance]: instance = "", [COMMAND]: command } = Labels;
    if (Labels[RUN] !== undefined || isKnown(instance) || command === nonce) continue;
    if (command === undefined && State === "running") running.push({ container: Id, name: (Names[0] ?? "").replace(/^\//, ""), instance });
    else await removeContainer(engine, Id);
  }
  return running;
}
