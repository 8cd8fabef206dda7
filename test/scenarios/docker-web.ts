export interface Web {
  readonly image: string;
  readonly version: string;
  readonly port: number;
  readonly update: string;
  readonly replicas?: number;
  /** Shell, run before it serves. */
  readonly first?: string;
  /** Further fields of its probe. */
  readonly health?: string;
}

/** A service that answers with its version on /, and 200 on /health: a line of a stack file. */
export function web({ image, version, port, update, replicas = 3, first = "true", health = "failureThreshold: 20" }: Web): string {
  const serve = `mkdir -p /tmp/w; echo ${version} > /tmp/w/index.html; touch /tmp/w/health; exec httpd -f -p 8080 -h /tmp/w`;
  const fields = [
    `image: "${image}", init: true, ports: ["${port}:8080"], replicas: ${replicas}, command: ["sh", "-c", "${first}; ${serve}"]`,
    `health: { http: { url: "http://localhost:${port}/health" }, interval: 100ms, timeout: 2s, ${health} }`,
    `restartPolicy: { backoff: { min: 10ms } }, update: ${update}`,
  ];
  return `{ ${fields.join(", ")} }`;
}
