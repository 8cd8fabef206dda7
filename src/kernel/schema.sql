-- The journal. Global seq and (topic, topic_seq) are gapless as written; retention removes prefixes of topics.
CREATE TABLE events (
  seq       INTEGER PRIMARY KEY,
  topic     TEXT NOT NULL,
  topic_seq INTEGER NOT NULL,
  type      TEXT NOT NULL,
  ts        INTEGER NOT NULL, -- epoch ms; may go back, seq never does
  data      TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_by_topic ON events (topic, topic_seq);

-- What retention removed, so that numbers go on where they were when all events of a topic are gone.
CREATE TABLE trimmed (
  topic     TEXT PRIMARY KEY,
  topic_seq INTEGER NOT NULL, -- the last one removed
  seq       INTEGER NOT NULL  -- its global seq
) STRICT, WITHOUT ROWID;
CREATE INDEX trimmed_by_seq ON trimmed (seq);

-- Projections: what the events of a topic add up to, written in the transaction of the events.
CREATE TABLE stacks (
  name       TEXT PRIMARY KEY,
  spec       TEXT NOT NULL,
  file       TEXT,
  desired    TEXT NOT NULL,
  revision   INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE slots (
  id      TEXT PRIMARY KEY,
  stack   TEXT NOT NULL,
  service TEXT NOT NULL,
  replica INTEGER NOT NULL,
  row     TEXT NOT NULL
) STRICT;
CREATE INDEX slots_by_service ON slots (stack, service, replica);

CREATE TABLE apps (
  name TEXT PRIMARY KEY,
  row  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
  id         TEXT PRIMARY KEY,
  kind       TEXT NOT NULL,
  lane       TEXT NOT NULL,
  status     TEXT NOT NULL,
  row        TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  engine     TEXT NOT NULL DEFAULT 'workflow' -- whose row it is: workflow/store.ts or, 'plan', runs/store.ts
) STRICT;
CREATE INDEX runs_by_time ON runs (created_at, id);
CREATE INDEX runs_by_status ON runs (status, id);
CREATE INDEX runs_by_lane ON runs (lane, id);

CREATE TABLE run_steps (
  run  TEXT NOT NULL,
  name TEXT NOT NULL,
  row  TEXT NOT NULL,
  PRIMARY KEY (run, name)
) STRICT; -- rowid: the order of the steps

-- What a run of engine 'plan' was made with; apart from its row, which is written anew with every change of status.
CREATE TABLE run_plans (
  run   TEXT PRIMARY KEY,
  plan  TEXT NOT NULL,
  input TEXT NOT NULL
) STRICT;

-- Where in its topic a checkpoint is; its data is in the event.
CREATE TABLE run_checkpoints (
  run TEXT NOT NULL,
  id  TEXT NOT NULL,
  n   INTEGER NOT NULL,
  PRIMARY KEY (run, id)
) STRICT, WITHOUT ROWID;

-- Signals of a run of engine 'plan': each holds for every step that waits for it, now or later.
CREATE TABLE run_signals (
  run  TEXT NOT NULL,
  name TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (run, name)
) STRICT;

CREATE TABLE schedules (
  id  TEXT PRIMARY KEY,
  row TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is owed to the outside: told again until it is told.
CREATE TABLE outbox (
  id     TEXT PRIMARY KEY,
  kind   TEXT NOT NULL, -- webhook, redis
  run    TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  row    TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_by_due ON outbox (kind, due_at);
CREATE INDEX outbox_by_run ON outbox (run);

-- Answers to requests with an Idempotency-Key.
CREATE TABLE idempotency (
  key        TEXT PRIMARY KEY,
  row        TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX idempotency_by_time ON idempotency (created_at);

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Tasks of the inference control plane: accepted, and how they ended. Tokens are never here.
CREATE TABLE inference_tasks (
  id       TEXT PRIMARY KEY,
  state    TEXT NOT NULL,
  row      TEXT NOT NULL,
  ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX inference_tasks_by_end ON inference_tasks (ended_at);

-- Pools registered over the API.
CREATE TABLE inference_pools (
  id  TEXT PRIMARY KEY,
  row TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE catalog_models (
  id  TEXT PRIMARY KEY,
  row TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Runs of kind repair: what is known of them beside their row in `runs`. The signature is that of the fault; it counts once its patch was applied.
CREATE TABLE repairs (
  run       TEXT PRIMARY KEY,
  lane      TEXT NOT NULL,
  signature TEXT,
  ended_at  INTEGER,
  row       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX repairs_by_lane ON repairs (lane, run);
