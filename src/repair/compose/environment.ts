type Env = Readonly<Record<string, string | undefined>>;

/** What docker, compose and a builder of images are told of the daemon's own environment: its keys and tokens are nothing to them. */
const PASSED =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|LC_\w+|TZ|TMPDIR|XDG_RUNTIME_DIR|XDG_CONFIG_HOME|SSH_AUTH_SOCK|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|BUILDKIT_\w+|BUILDX_\w+|DOCKER_(?:CONFIG|BUILDKIT|CERT_PATH|TLS_VERIFY|TLS|API_VERSION|DEFAULT_PLATFORM|CONTENT_TRUST\w*)|(?:https?|no|all|ftp)_proxy)$/i;

/**
 * The environment of a compose command. COMPOSE_* is not among it, nor is any variable that a compose file may interpolate: those come from the
 * operator's .env alone. `host`: the engine, as DOCKER_HOST names it.
 */
export function composeEnvironment(env: Env, host: string): Record<string, string> {
  const passed = Object.entries(env).flatMap(([name, value]) => (PASSED.test(name) && value !== undefined ? [[name, value] as const] : []));
  return { ...Object.fromEntries(passed), DOCKER_HOST: host.replace(/^https?:/, "tcp:") };
}
