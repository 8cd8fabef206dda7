/** A model as the catalog shows it. Times RFC 3339. */
export interface ModelView {
  readonly id: string;
  /** `sha256:<64 hex>`. */
  readonly digest?: string;
  readonly source_url: string;
  readonly tags: readonly string[];
  readonly state: "Active" | "Retired";
  readonly verification: Verification;
  readonly fetch: Fetch;
  /** Of the file, once it is there. */
  readonly size_bytes?: number;
  readonly path?: string;
  readonly created_at: string;
  readonly [fact: string]: unknown;
}

export interface Verification {
  readonly status: "unverified" | "verifying" | "verified" | "mismatch";
  readonly bytes_done: number;
  readonly bytes_total: number;
  /** Of a mismatch: what the file is. Of one that could not be read: why. */
  readonly detail?: string;
}

export interface Fetch {
  readonly status: "absent" | "fetching" | "present" | "failed";
  readonly bytes_done: number;
  readonly bytes_total: number | null;
  readonly error?: string;
  /** Of what was fetched last, `sha256:<64 hex>`: known although nobody registered a digest. */
  readonly digest?: string;
}

/** By id, whichever came first. */
export interface ModelPage {
  readonly models: readonly ModelView[];
  /** Behind which the next page begins; absent: this is the last. The model may have gone meanwhile. */
  readonly next?: string;
}

/** A model as admission sees it, without a look at its file. */
interface ModelGlance {
  readonly state: "Active" | "Retired";
  readonly trusted: boolean;
  readonly sizeBytes?: number;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** What admission asks of the catalog. Synchronous: answered from memory. */
export interface ModelGuard {
  /** Undefined: not in the catalog. */
  look(id: string): ModelGlance | undefined;
}

/** `GET /v2/catalog/availability`. */
export interface Availability {
  readonly nodes: readonly { readonly node_id: string; readonly models: readonly string[] }[];
  readonly total_models: number;
  readonly replicated_models: readonly string[];
  readonly single_node_models: readonly string[];
}
