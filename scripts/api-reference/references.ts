/** A page of the API reference: which operations it has, and who tells of them. */
export interface Reference {
  readonly page: string;
  readonly notes: string;
  /** Of the paths that it has to have. */
  readonly subject: RegExp;
}

export const REFERENCES: readonly Reference[] = [
  {
    page: "docs/references/orchestrator-api.md",
    notes: "scripts/api-reference/notes.md",
    subject: /^\/(?:runs|schedules|tickets|events|health|ready|version|metrics|openapi\.json|docs|schemas|config|shutdown)(?:\/|$)/,
  },
  { page: "docs/references/inference-api.md", notes: "scripts/api-reference/notes-inference.md", subject: /^\/v[12]\// },
  { page: "docs/references/repair-api.md", notes: "scripts/api-reference/notes-repair.md", subject: /^\/(?:orchestrator|audit)(?:\/|$)/ },
];
