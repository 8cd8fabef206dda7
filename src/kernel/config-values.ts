import { isIP } from "node:net";
import { z } from "zod";

/** `10.0.0.0/8`, `::1`. */
export function isBlock(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const family = isIP(address);
  return family !== 0 && more.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)));
}

export function wholeNumber({ min, max }: { min: number; max: number }) {
  return z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

/** `host:port`; an IPv6 host in brackets, which are taken off. Port 0 takes a free one. */
export function parseAddress(text: string, context: z.RefinementCtx): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host !== undefined && port <= 65_535) return { host, port };
  context.addIssue({ code: "custom", message: "not host:port" });
  return z.NEVER;
}

export function parseOrigins(text: string, context: z.RefinementCtx): string[] {
  const origins = text.split(",").map((origin) => origin.trim());
  if (origins.every(isOrigin)) return origins;
  context.addIssue({ code: "custom", message: "not a list of origins" });
  return z.NEVER;
}

function isOrigin(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text) && new URL(text).origin === text && !text.includes("*");
}

/** `redis:`; empty for what is no URL. */
export function protocolOf(text: string): string {
  return URL.canParse(text) ? new URL(text).protocol : "";
}

/** `redis://` or `rediss://`; its path, where it has one, is the number of a database. */
export function isRedisUrl(text: string): boolean {
  return /^rediss?:$/.test(protocolOf(text)) && /^\/?\d*$/.test(new URL(text).pathname);
}

/** `http://me:********@host`: some settings are URLs that may carry one. */
export function withoutPassword(text: string): string {
  return text.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/?#@]*?:)[^/?#]*@/i, "$1********@");
}
