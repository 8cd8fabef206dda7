#!/bin/bash
# A real Kubernetes for the tests (API, scheduler, controllers, kubelet on containerd) from nothing: no image registry, no systemd. Needs root and Debian's packages.
#   cluster.sh            up, with fresh state every time; 10-20 s. The first time it builds the binary (Go; ~400 CPU-seconds, 2.5 GB of Go cache)
#   cluster.sh build      only builds
#   cluster.sh down       stops everything it started, unmounts, cleans
#   cluster.sh api-down, api-up    kills the API server alone; starts it again
# Up and down are refused (75) while a test uses the cluster.
# env: K (folder, ~/.cache/kube-test unless given), V (version of Kubernetes), KUBELET=0 leaves out containerd and kubelet, GOCACHE
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd); K=${K:-${XDG_CACHE_HOME:-$HOME/.cache}/kube-test}; V=${V:-1.34.4}; KUBELET=${KUBELET:-1}; R=$K/run; B=$K/kube/bin; L=$R/log
NODE=node1; API=127.0.0.1:26443; ETCD=127.0.0.1:23790; TOK=admin-token
export PATH=/usr/local/go/bin:/usr/bin:/bin:/usr/sbin:/sbin GOTOOLCHAIN=local CGO_ENABLED=0 GOCACHE=${GOCACHE:-$K/gocache-kube}
T0=$(date +%s%N); phase() { local n=$(date +%s%N); printf '%-34s %6d ms\n' "$1" $(( (n-T0)/1000000 )); T0=$n; }
waitfor() { local n=$1; shift; for _ in $(seq "$n"); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; echo "timeout: $*" >&2; return 1; }
spawn() { local n=$1; shift; setsid "$@" > "$L/$n.log" 2>&1 < /dev/null 9>&- & echo $! > "$R/$n.pid"; }
alive() { [ -f "$R/$1.pid" ] && kill -0 "$(cat "$R/$1.pid")" 2>/dev/null; }

down() {
  if [ -S $R/containerd.sock ] && alive containerd; then   # kill what runs in pods, while containerd can still say what that is
    alive kubelet && { kill "$(cat $R/kubelet.pid)"; waitfor 50 bash -c "! kill -0 $(cat $R/kubelet.pid) 2>/dev/null" || true; }
    for c in $(ctr -a $R/containerd.sock -n k8s.io task ls -q); do ctr -a $R/containerd.sock -n k8s.io task rm -f "$c" >/dev/null 2>&1 || true; done
    for c in $(ctr -a $R/containerd.sock -n k8s.io container ls -q); do ctr -a $R/containerd.sock -n k8s.io container rm "$c" >/dev/null 2>&1 || true; done
  fi
  for n in kubelet kube-scheduler kube-controller-manager kube-apiserver etcd containerd; do
    alive $n && kill "$(cat $R/$n.pid)" 2>/dev/null || true
  done
  for n in kubelet kube-scheduler kube-controller-manager kube-apiserver etcd containerd; do
    for _ in $(seq 80); do alive $n || break; sleep 0.1; done; alive $n && kill -9 "$(cat $R/$n.pid)" || true; rm -f $R/$n.pid
  done
  { grep -o " $R/[^ ]*" /proc/self/mountinfo || true; } | sort -ru | while read -r m; do umount -l "$m" 2>/dev/null || true; done
  for n in /var/run/netns/cni-*; do [ -e "$n" ] && { umount "$n" 2>/dev/null; rm -f "$n"; }; done; ip link del cni-k8s 2>/dev/null || true
  [ -f $R/sysctl.save ] && sysctl -qp $R/sysctl.save || true     # kubelet changes vm.overcommit_memory, kernel.panic(_on_oops)
  for h in cpu cpuacct cpuset memory devices freezer blkio pids systemd unified; do
    [ -d /sys/fs/cgroup/$h/kubepods ] && find /sys/fs/cgroup/$h/kubepods -depth -type d -exec rmdir {} \; 2>/dev/null || true; done
  rm -rf "$R"
}
# There is one cluster a machine: whoever uses it holds the lock meanwhile (cluster.ts does, and says so), and nobody else takes it away.
case "${1:-up}" in up|down) if [ "${LOCKED:-0}" != 1 ]; then
  mkdir -p $K; exec 9>>$K/lock; flock -n 9 || { echo "process $(cut -d' ' -f1 $K/lock) uses the cluster: wait until it has ended" >&2; exit 75; }; fi;; esac
if [ "${1:-up}" = down ]; then down; phase down; exit; fi
if [ "${1:-up}" = api-down ]; then
  tr '\0' '\n' < "/proc/$(cat $R/kube-apiserver.pid)/cmdline" > $R/kube-apiserver.args; kill -9 "$(cat $R/kube-apiserver.pid)"; exit
fi
if [ "${1:-up}" = api-up ]; then
  mapfile -t ARGS < $R/kube-apiserver.args; spawn kube-apiserver "${ARGS[@]}"
  waitfor 900 curl -sf --cacert $R/pki/ca.crt -H "Authorization: Bearer $TOK" https://$API/readyz; phase "API server ready"; exit
fi
[ -d $R ] && down; mkdir -p $L $R/pki; phase "clean"

# 1 packages
need=(); [ -x /bin/busybox ] || need+=(busybox-static); command -v openssl >/dev/null || need+=(openssl)
[ $KUBELET = 1 ] && { command -v containerd >/dev/null || need+=(containerd runc); [ -x /usr/lib/cni/bridge ] || need+=(containernetworking-plugins); command -v iptables >/dev/null || need+=(iptables); }
[ ${#need[@]} = 0 ] || { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null; }
phase "packages (${need[*]:-none})"

# 2 build
if [ ! -x $B/kube ]; then
  mkdir -p $B; cp $HERE/main.go $HERE/etcd.go $HERE/gen-gomod.sh $K/kube/
  cd $K/kube; [ -f go.mod ] || { ./gen-gomod.sh $V; phase "modules: generate+download"; }
  go build -gcflags='all=-N -l -dwarf=false' -buildvcs=false -mod=readonly -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$V -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$(echo $V | cut -d. -f2)" -o $B/kube .
fi
for n in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl; do ln -sf kube $B/$n; done
phase "build"
[ "${1:-up}" = build ] && exit

# 3 PKI: one CA, one serving certificate; users come from static tokens
cd $R/pki
openssl ecparam -name prime256v1 -genkey -noout -out ca.key; openssl req -x509 -new -key ca.key -days 3650 -subj /CN=test-ca -out ca.crt 2>/dev/null
openssl ecparam -name prime256v1 -genkey -noout -out api.key
openssl req -new -key api.key -subj /CN=kube-apiserver | openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out api.crt \
  -extfile <(echo "subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc") 2>/dev/null
openssl genrsa -out sa.key 2048 2>/dev/null
cat > tokens.csv <<E
$TOK,admin,admin,"system:masters"
kcm-token,system:kube-controller-manager,kcm
sched-token,system:kube-scheduler,sched
kubelet-token,system:node:$NODE,node,"system:nodes"
E
kc() { cat > $R/$1.kubeconfig <<E
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://$API", certificate-authority: $R/pki/ca.crt}}]
users: [{name: u, user: {token: $2}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
E
}
kc admin $TOK; kc kcm kcm-token; kc sched sched-token; kc kubelet kubelet-token
phase "pki + kubeconfigs"

# 4 etcd, apiserver
spawn etcd $B/etcd --data-dir $R/etcd --listen-client-urls http://$ETCD --listen-peer-urls http://127.0.0.1:23800
waitfor 100 curl -sf http://$ETCD/health; phase "etcd ready"
spawn kube-apiserver $B/kube-apiserver --etcd-servers=http://$ETCD --bind-address=127.0.0.1 --secure-port=${API##*:} --endpoint-reconciler-type=none \
  --tls-cert-file=$R/pki/api.crt --tls-private-key-file=$R/pki/api.key --client-ca-file=$R/pki/ca.crt --token-auth-file=$R/pki/tokens.csv \
  --service-account-key-file=$R/pki/sa.key --service-account-signing-key-file=$R/pki/sa.key --service-account-issuer=https://kubernetes.default.svc \
  --service-cluster-ip-range=10.96.0.0/16 --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --cert-dir=$R/apiserver \
  --etcd-compaction-interval=${COMPACT:-5m} --kubelet-preferred-address-types=InternalIP
waitfor 900 curl -sf --cacert $R/pki/ca.crt -H "Authorization: Bearer $TOK" https://$API/readyz; phase "apiserver ready"

# 5 controller-manager, scheduler
spawn kube-controller-manager $B/kube-controller-manager --kubeconfig=$R/kcm.kubeconfig --leader-elect=false --bind-address=127.0.0.1 --secure-port=26257 --cert-dir=$R/kcm \
  --root-ca-file=$R/pki/ca.crt --service-account-private-key-file=$R/pki/sa.key --use-service-account-credentials=true --allocate-node-cidrs=false
spawn kube-scheduler $B/kube-scheduler --kubeconfig=$R/sched.kubeconfig --leader-elect=false --bind-address=127.0.0.1 --secure-port=26259 --cert-dir=$R/sched
export KUBECONFIG=$R/admin.kubeconfig
waitfor 300 $B/kubectl get serviceaccount default; phase "controllers (default SA exists)"
[ $KUBELET = 1 ] || { echo "KUBECONFIG=$KUBECONFIG  kubectl=$B/kubectl"; exit; }

# 6 containerd with CRI (own instance beside docker's), images without a registry
mkdir -p $R/cni $R/kubelet $R/ctd-state
cat > $R/cni/10-bridge.conflist <<E
{"cniVersion":"1.0.0","name":"k8s","plugins":[{"type":"bridge","bridge":"cni-k8s","isGateway":true,"ipMasq":true,
 "ipam":{"type":"host-local","dataDir":"$R/cni-ipam","ranges":[[{"subnet":"10.244.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
 {"type":"firewall","backend":"iptables"}]}
E
cat > $R/containerd.toml <<E
version = 2
root = "$R/ctd-root"
state = "$R/ctd-state"
[grpc]
  address = "$R/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/pause:local"
  restrict_oom_score_adj = true   # no CAP_SYS_RESOURCE here: negative oom_score_adj is refused
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$R/cni"
E
spawn containerd containerd -c $R/containerd.toml
# docker-archive tar of one busybox rootfs with two tags, made by hand: no docker needed
mkimgs() {
  local d=$R/img; mkdir -p $d/fs/{bin,etc,tmp,proc,sys,dev,root,var,run} $d/a; chmod 1777 $d/fs/tmp; cp /bin/busybox $d/fs/bin/
  (cd $d/fs/bin && /bin/busybox --list | grep -vx busybox | xargs -n1 ln -s busybox)
  echo 'root:x:0:0:root:/root:/bin/sh' > $d/fs/etc/passwd; echo 'root:x:0:' > $d/fs/etc/group
  tar -C $d/fs --numeric-owner -cf $d/a/layer.tar .; local s; s=$(sha256sum $d/a/layer.tar | cut -d' ' -f1)
  cfg() { echo "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"PATH=/bin\"],\"Cmd\":$1},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$s\"]}}"; }
  cfg '["/bin/sh"]' > $d/a/busybox.json
  cfg '["/bin/sh","-c","trap exit TERM INT; while :; do sleep 3600 & wait $!; done"]' > $d/a/pause.json
  echo '[{"Config":"busybox.json","RepoTags":["docker.io/library/busybox:local"],"Layers":["layer.tar"]},{"Config":"pause.json","RepoTags":["docker.io/library/pause:local"],"Layers":["layer.tar"]}]' > $d/a/manifest.json
  tar -C $d/a -c manifest.json busybox.json pause.json layer.tar
}
waitfor 100 ctr -a $R/containerd.sock version; phase "containerd ready"
mkimgs | ctr -a $R/containerd.sock -n k8s.io images import - >/dev/null
phase "images imported"

# 7 kubelet
sysctl vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes > $R/sysctl.save 2>/dev/null || true
cat > $R/kubelet.yaml <<E
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 0.0.0.0
port: 26250
healthzPort: 26248
healthzBindAddress: 127.0.0.1
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix://$R/containerd.sock
imageServiceEndpoint: unix://$R/containerd.sock
failSwapOn: false
oomScoreAdj: 0
maxOpenFiles: 20000
podLogsDir: $R/podlogs
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
E
spawn kubelet $B/kubelet --kubeconfig=$R/kubelet.kubeconfig --config=$R/kubelet.yaml --root-dir=$R/kubelet --cert-dir=$R/kubelet/pki --hostname-override=$NODE
waitfor 600 $B/kubectl wait --for=condition=Ready node/$NODE --timeout=1s; sysctl -qp $R/sysctl.save || true; phase "node Ready"   # the kubelet sets these once, at its start
echo "KUBECONFIG=$KUBECONFIG  kubectl=$B/kubectl"
