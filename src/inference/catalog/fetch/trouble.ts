/**
 * Why nothing more comes. `passing`: the next try may bring more; `lasting`: nobody needs to try again before something has changed;
 * `full`: the disk took nothing more.
 */
export class FetchTrouble extends Error {
  override readonly name = "FetchTrouble";
  constructor(
    readonly kind: "passing" | "lasting" | "full",
    message: string,
  ) {
    super(message);
  }
}
