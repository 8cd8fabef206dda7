import { removeContainer } from "../../docker/containers.ts";
import type { Engine } from "../../docker/engine.ts";
import { OrcoError } from "../../../kernel/errors.ts";
import { inspectImage } from "../../docker/images.ts";
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
/** States in which something is lost that somebody may want. */
const ALIVE: ReadonlySet<string> = new Set(["running", "paused", "restarting"]);

/** Containers of this home that nobody knows: what ended is removed, with the commands of former daemons; what runs is only named. */
export async function removeStrays(
  isKnown: (instance: string) => boolean,
  { engine, removal, nonce }: { readonly engine: Engine; readonly removal: Removal; readonly nonce: string },
): Promise<Stray[]> {
  const running: Stray[] = [];
  for (const { Id, Names, Labels, State, Image } of await removal.rows({ [OURS.stack]: undefined })) {
    const { [OURS.instance]: instance = "", [COMMAND]: command } = Labels;
    if (Labels[RUN] !== undefined || isKnown(instance) || command === nonce) continue;
    if (command === undefined && ALIVE.has(State)) running.push({ container: Id, name: (Names[0] ?? "").replace(/^\//, ""), instance });
    else if (!(await isCopied(engine, Image, instance))) await removeContainer(engine, Id);
  }
  return running;
}

/** An image made of an instance (docker commit) hands its labels on to what somebody makes of it. */
async function isCopied(engine: Engine, image: string, instance: string): Promise<boolean> {
  try {
    return instance !== "" && (await inspectImage(engine, image)).Config.Labels?.[OURS.instance] === instance;
  } catch (error) {
    if (error instanceof OrcoError && error.code === "not_found") return false;
    throw error;
  }
}
