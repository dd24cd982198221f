package main

import "fmt"

// containerdConfiguration keeps everything that containerd writes in the folder of the cluster.
func containerdConfiguration(l layout, runc string) string {
	return fmt.Sprintf(`version = 2
root = %[1]q
state = %[2]q

[grpc]
  address = %[3]q

[plugins."io.containerd.internal.v1.opt"]
  path = %[4]q

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %[5]q
  # Even root may lack the capability to make a process less likely to be killed than its parent.
  restrict_oom_score_adj = true
  # A profile that is loaded stays in the kernel.
  disable_apparmor = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %[6]q
    conf_dir = %[7]q

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = %[8]q
      SystemdCgroup = false
`, l.containerdRoot(), l.file("containerd-state"), l.containerdSocket(), l.file("containerd-opt"), pauseName,
		pluginFolder, l.networkConfig(), runc)
}

// networkConfiguration routes between pods. A bridge would need the kernel module br_netfilter for pods that reach
// each other by way of a Service.
func networkConfiguration(l layout) string {
	return fmt.Sprintf(`{
  "cniVersion": "0.4.0",
  "name": "node",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "dataDir": %q,
        "ranges": [[{"subnet": %q}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    }
  ]
}
`, l.leases(), podRange)
}

// kubeletConfiguration makes a node that takes what it is given: it neither evicts pods nor collects images because
// the machine's disk is full, and reserves nothing.
func kubeletConfiguration(l layout) string {
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %[1]s
healthzBindAddress: 127.0.0.1
authentication:
  anonymous:
    enabled: false
  webhook:
    enabled: true
  x509:
    clientCAFile: %[2]q
authorization:
  mode: Webhook
containerRuntimeEndpoint: %[3]q
cgroupDriver: cgroupfs
cgroupRoot: /%[4]s
failCgroupV1: false
enforceNodeAllocatable: []
failSwapOn: false
oomScoreAdj: 0
clusterDNS:
- %[1]s
clusterDomain: %[5]s
resolvConf: ""
podLogsDir: %[6]q
volumePluginDir: %[7]q
imageGCHighThresholdPercent: 100
evictionHard:
  memory.available: "0%%"
  nodefs.available: "0%%"
  nodefs.inodesFree: "0%%"
  imagefs.available: "0%%"
  imagefs.inodesFree: "0%%"
`, nodeAddress, l.file(authorityFile), "unix://"+l.containerdSocket(), l.cgroup(), clusterDomain, l.podLogs(),
		l.file("kubelet-plugins"))
}
