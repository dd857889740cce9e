// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// checkAgent lets the agent that Kubernetes runs judge its configuration, and checks what its pods may do.
func checkAgent(t *testing.T, objects map[string]any, wanted bool) {
	t.Helper()
	names := []string{
		"ConfigMap/strata-agent", "DaemonSet/strata-agent-host", "Deployment/strata-agent-scrape", "ServiceAccount/strata-agent-scrape",
		"ClusterRole/strata-agent-scrape", "ClusterRoleBinding/strata-agent-scrape",
	}
	for _, name := range names {
		if (objects[name] != nil) != wanted {
			t.Errorf("%s is there: %v", name, !wanted)
		}
	}
	if !wanted || t.Failed() {
		return
	}
	files := objects["ConfigMap/strata-agent"].(*corev1.ConfigMap).Data
	host := objects["DaemonSet/strata-agent-host"].(*appsv1.DaemonSet).Spec.Template.Spec
	scrape := objects["Deployment/strata-agent-scrape"].(*appsv1.Deployment).Spec
	for part, spec := range map[string]corev1.PodSpec{"host": host, "scrape": scrape.Template.Spec} {
		checkAgentPod(t, part, spec)
		checkAgentConfig(t, part, files[part+".yaml"])
	}
	if !host.HostNetwork || !host.HostPID || host.DNSPolicy != corev1.DNSClusterFirstWithHostNet || *host.AutomountServiceAccountToken {
		t.Errorf("host: it would tell of its pod, not of the node: %v", host)
	}
	if caps := host.Containers[0].SecurityContext.Capabilities.Add; !slices.Equal(caps, []corev1.Capability{"DAC_READ_SEARCH", "SYS_PTRACE"}) {
		t.Errorf("host: capabilities %v", caps)
	}
	if *scrape.Replicas != 1 || scrape.Strategy.Type != appsv1.RecreateDeploymentStrategyType || scrape.Template.Spec.ServiceAccountName != "strata-agent-scrape" ||
		len(scrape.Template.Spec.Containers[0].SecurityContext.Capabilities.Add) != 0 || !*scrape.Template.Spec.SecurityContext.RunAsNonRoot {
		t.Errorf("scrape: %v", scrape)
	}
	for _, rule := range objects["ClusterRole/strata-agent-scrape"].(*rbacv1.ClusterRole).Rules {
		for _, verb := range rule.Verbs {
			if !slices.Contains([]string{"get", "list", "watch"}, verb) || slices.Contains(rule.Resources, "secrets") || slices.Contains(rule.Resources, "*") {
				t.Errorf("the agent may %s %v", verb, rule.Resources)
			}
		}
	}
	binding := objects["ClusterRoleBinding/strata-agent-scrape"].(*rbacv1.ClusterRoleBinding)
	if binding.RoleRef.Name != "strata-agent-scrape" || binding.Subjects[0].Name != "strata-agent-scrape" || binding.Subjects[0].Namespace != "apm" {
		t.Errorf("%v", binding)
	}
}

func checkAgentPod(t *testing.T, part string, spec corev1.PodSpec) {
	t.Helper()
	c := spec.Containers[0]
	if *spec.EnableServiceLinks || !*c.SecurityContext.ReadOnlyRootFilesystem || *c.SecurityContext.AllowPrivilegeEscalation || c.LivenessProbe.Exec == nil {
		t.Errorf("%s: %v", part, spec)
	}
	mounts := map[string]string{}
	for _, m := range c.VolumeMounts {
		mounts[m.Name] = m.MountPath
		if m.Name != "state" && !m.ReadOnly {
			t.Errorf("%s: %s can be written", part, m.MountPath)
		}
	}
	for _, v := range spec.Volumes {
		if mounts[v.Name] == "" {
			t.Errorf("%s: volume %s is mounted nowhere", part, v.Name)
		}
		delete(mounts, v.Name)
	}
	if len(mounts) > 0 {
		t.Errorf("%s: no volume for %v", part, mounts)
	}
}

// checkAgentConfig runs strata-agent check of an agent with Kubernetes discovery, with a key, and the root of a node, in place of the mounted ones.
func checkAgentConfig(t *testing.T, part, text string) {
	t.Helper()
	program, dir := os.Getenv("STRATA_TEST_AGENT_KUBERNETES"), t.TempDir()
	if program == "" {
		t.Fatal("STRATA_TEST_AGENT_KUBERNETES names no strata-agent; run go test ./test/deploy in the repository's root")
	}
	key, file := filepath.Join(dir, "key"), filepath.Join(dir, "agent.yaml")
	must(t, os.WriteFile(key, []byte("strata_x\n"), 0o600))
	for _, s := range []string{"/etc/strata-agent/key/key", map[string]string{"host": "root_path: /host", "scrape": "kubernetes_sd_configs"}[part]} {
		if !strings.Contains(text, s) {
			t.Errorf("%s: no %s in %s", part, s, text)
		}
	}
	text = strings.NewReplacer("/etc/strata-agent/key/key", key, "root_path: /host", "root_path: "+t.TempDir()).Replace(text)
	must(t, os.WriteFile(file, []byte(text), 0o600))
	cmd := exec.CommandContext(t.Context(), program, "check", "--config", file, "--state-dir", filepath.Join(dir, "state"))
	cmd.Env = []string{"HOME=" + dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s\n%s", part, err, out, text)
	}
}
