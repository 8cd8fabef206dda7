/** Keys of a service that orco has nothing for, and why. */
const GROUPS: readonly (readonly [keys: string, reason: string])[] = [
  ["container_name", "orco names containers <stack>-<service>-<replica>-<6 hex>, and others reach them by the name of the service"],
  ["hostname domainname", "a container is reached by the name of its service"],
  ["privileged cap_add cap_drop security_opt userns_mode credential_spec", "containers of orco have docker's default privileges"],
  ["devices device_cgroup_rules gpus", "orco passes no devices of this machine on"],
  ["dns dns_search dns_opt mac_address", "containers of orco use docker's DNS and addresses on the network of their stack"],
  ["external_links", "orco links to no containers outside of the stack: publish a port there and use host.docker.internal"],
  ["pid ipc uts cgroup cgroup_parent isolation", "containers of orco have namespaces and cgroups of their own"],
  ["sysctls", "containers of orco have docker's default kernel settings"],
  ["shm_size", "a container has docker's 64 MiB of /dev/shm: volumes: [{ type: tmpfs, target: /dev/shm, size: … }] gives it more"],
  ["read_only", "the file system of a container can be written to"],
  ["group_add", "a container has the groups of its user"],
  ["platform", "orco runs images of this machine's platform"],
  ["runtime", "the engine's default runtime is used (orco's own runtime: says docker or process)"],
  ["stdin_open tty attach", "nobody types into a service: orco exec opens a shell, orco logs shows what it prints"],
  ["blkio_config storage_opt", "orco limits cpu, memory and pids"],
  ["cpu_shares cpu_percent cpu_count cpuset cpu_rt_period cpu_rt_runtime cpu_period", "orco limits cores: resources.cpu"],
  ["mem_reservation memswap_limit mem_swappiness oom_kill_disable oom_score_adj", "orco limits memory: resources.memory"],
  ["annotations label_file", "orco reads labels from the file itself: labels"],
  ["models provider use_api_socket", "orco runs containers and processes only"],
  ["pull_refresh_after", "orco pulls what is missing, always or never: pull"],
];

const REASONS = new Map(GROUPS.flatMap(([keys, reason]) => keys.split(" ").map((key) => [key, reason] as const)));

export function whyDropped(key: string): string | undefined {
  return REASONS.get(key);
}

export const KNOWN_WITHOUT_PLACE: readonly string[] = [...REASONS.keys()];
