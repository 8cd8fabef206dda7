import type { GraphView } from "../http/services.ts";
import { OrcoError } from "../kernel/errors.ts";
import { toDot, toMermaid } from "../kernel/graph-picture.ts";
import { graphShape } from "../stack/graph.ts";
import type { Context } from "./context.ts";
import { usageError } from "./exit.ts";
import { graphText } from "../terminal/graph-text.ts";
import { loadOffline } from "./lint.ts";

/** From the file, without a daemon; with `--stack NAME` alone, of the stack as it runs. */
export async function graph(context: Context): Promise<undefined> {
  const { io, global, options } = context;
  const forms = [global.json === true && "--json", options["dot"] === true && "--dot", options["mermaid"] === true && "--mermaid"].filter(
    Boolean,
  );
  if (forms.length > 1) throw usageError(`${forms.join(" and ")} exclude each other`);
  const { name, view } =
    global.stack === undefined || global.file !== undefined ? fromFile(context) : await fromDaemon(context, global.stack);
  io.out(`${(forms[0] === "--json" ? JSON.stringify(view) : picture(view, { name, form: forms[0] })).trimEnd()}\n`);
  return undefined;
}

function picture(view: GraphView, { name, form }: { name: string; form: string | false | undefined }): string {
  const plain = { nodes: view.nodes.map((node) => node.service), edges: view.edges };
  if (form === "--dot") return toDot(plain, name);
  return form === "--mermaid" ? toMermaid(plain) : graphText(view);
}

function fromFile(context: Context): { name: string; view: GraphView } {
  const { file, spec, diagnostics } = loadOffline(context);
  if (spec === undefined)
    throw new OrcoError("invalid", `${file} has to be right before its graph can be drawn`, {
      diagnostics: diagnostics.filter((one) => one.severity === "error"),
    });
  const { nodes, edges } = graphShape(spec);
  return { name: spec.name, view: { nodes, edges: edges.map(({ from, to, require }) => ({ from, to, require: require ?? "ready" })) } };
}

async function fromDaemon(context: Context, name: string): Promise<{ name: string; view: GraphView }> {
  return { name, view: await (await context.client()).graph(name) };
}
