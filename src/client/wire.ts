/** The wire objects, for who talks to the daemon through this client. Types only. */
export type { EventList, EventView, HealthView, ReadyView, RunList, StackList, StreamNotice, VersionView } from "../http/wire.ts";
