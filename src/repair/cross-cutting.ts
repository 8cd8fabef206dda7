/** Proxies, databases, brokers and stores of secrets: others depend on them, so a repair of one waits for an approval. */
const KINDS: ReadonlySet<string> = new Set(
  [
    "traefik nginx nginx-unprivileged nginx-proxy openresty haproxy caddy envoy kong apisix httpd apache squid varnish nginx-proxy-manager swag",
    "postgres postgresql postgis timescaledb timescaledb-ha pgvector pgbouncer mysql mysql-server mariadb percona percona-server mongo mongodb",
    "mongodb-community-server redis redis-stack redis-stack-server valkey keydb dragonfly memcached cassandra scylla couchdb couchbase neo4j",
    "influxdb clickhouse clickhouse-server elasticsearch opensearch cockroach cockroachdb mssql-server server-mssql oracle-xe arangodb rethinkdb",
    "etcd consul zookeeper rabbitmq kafka cp-kafka nats vault minio",
  ].flatMap((line) => line.split(" ")),
);

/** By the last part of the image's name, e.g. `postgres` of `docker.io/library/postgres:16-alpine`. */
export function isCrossCutting(image: string): boolean {
  const name = image.split("@")[0]?.split("/").at(-1)?.split(":")[0] ?? "";
  return KINDS.has(name.toLowerCase());
}
