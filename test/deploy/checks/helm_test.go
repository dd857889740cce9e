// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// values are sets of values that the chart must render.
var values = map[string]string{
	"least": `
kafka: {brokers: ["kafka:9092"]}
postgresql: {url: "postgres://strata@pg/strata"}
`,
	"all": `
image: {repository: registry.example.org/strata, tag: v1.2.3}
imagePullSecrets: [{name: pull}]
kafka:
  brokers: ["k1:9094", "k2:9094"]
  partitions: 48
  tls: {enabled: true, secret: kafka-tls, clientCertificate: true}
  sasl: {mechanism: scram-sha-512, username: strata, secret: kafka-sasl}
postgresql: {url: "postgres://strata@pg/strata?sslmode=verify-full"}
externalURL: https://strata.example.org
config: {log_level: debug}
serviceAccount: {name: strata}
podAnnotations: {a: b}
podLabels: {team: obs}
nodeSelector: {disk: ssd}
tolerations: [{key: a, operator: Exists, effect: NoSchedule}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}
priorityClassName: high
gateway: {service: {type: LoadBalancer, annotations: {x: "y"}}}
writer: {replicas: 4, persistence: {size: 1Ti, storageClass: fast}, config: {metrics: {retention: 2160h}}}
alert: {ruleFiles: {a.yaml: "groups: []\n"}}
serviceMonitor: {enabled: true, labels: {release: prom}}
agent:
  image: {repository: registry.example.org/strata-agent-kubernetes, tag: v1.2.3}
  endpoint: https://strata.example.org:4317
  opampEndpoint: https://strata.example.org
  key: {secret: agents, secretKey: key}
  host: {enabled: true, podLogs: true, config: {host: {process_top: 5}, attributes: {deployment.environment.name: prod}}, priorityClassName: system-node-critical, stateDir: /data/agent}
  scrape: {enabled: true, configs: [{job_name: a, kubernetes_sd_configs: [{role: node}]}], nodeSelector: {disk: ssd}, tolerations: [{key: a, operator: Exists}]}
`,
	"agent": `
kafka: {brokers: ["kafka:9092"]}
postgresql: {url: "postgres://strata@pg/strata"}
agent: {host: {enabled: true}, scrape: {enabled: true}}
`,
}

// render is helm template --namespace apm NAME.
func render(t *testing.T, name, vals string) (manifest, notes string, err error) {
	t.Helper()
	chart, err := loader.Load(filepath.Join(deploy, "helm", "strata"))
	must(t, err)
	v := map[string]any{}
	must(t, yaml.Unmarshal([]byte(vals), &v))
	install := action.NewInstall(&action.Configuration{})
	install.DryRun, install.ClientOnly, install.ReleaseName, install.Namespace = true, true, name, "apm"
	if install.KubeVersion, err = chartutil.ParseKubeVersion("v1.34.0"); err != nil {
		t.Fatal(err)
	}
	rel, err := install.Run(chart, v)
	if err != nil {
		return "", "", err
	}
	return rel.Manifest, rel.Info.Notes, nil
}

func TestHelmLint(t *testing.T) {
	for name, vals := range values {
		v := map[string]any{}
		must(t, yaml.Unmarshal([]byte(vals), &v))
		lint := action.NewLint()
		lint.Strict = true
		res := lint.Run([]string{filepath.Join(deploy, "helm", "strata")}, v)
		for _, m := range res.Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%s: %v", name, m)
			}
		}
		for _, err := range res.Errors {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHelmTemplate(t *testing.T) {
	for name, vals := range values {
		t.Run(name, func(t *testing.T) {
			manifest, notes, err := render(t, "strata", vals)
			must(t, err)
			objects := decode(t, manifest)
			for _, want := range []string{
				"Deployment/strata-gateway", "Deployment/strata-query", "Deployment/strata-alert", "StatefulSet/strata-writer", "ConfigMap/strata",
				"Service/strata-gateway", "Service/strata-query", "Service/strata-writer", "PodDisruptionBudget/strata-writer",
			} {
				if objects[want] == nil {
					t.Errorf("no %s", want)
				}
			}
			if (objects["ServiceMonitor/strata"] != nil) != (name == "all") || (objects["ConfigMap/strata-rules"] != nil) != (name == "all") {
				t.Error("what is optional is there without being asked for, or the other way round")
			}
			if !strings.Contains(notes, "key create") {
				t.Errorf("the notes do not tell how to begin: %s", notes)
			}
			checkPods(t, objects)
			checkAgent(t, objects, name != "least")
		})
	}
}

func TestHelmNames(t *testing.T) {
	manifest, _, err := render(t, "apm", values["least"])
	must(t, err)
	if decode(t, manifest)["StatefulSet/apm-strata-writer"] == nil {
		t.Error("the release's name is not part of the names")
	}
}

func TestHelmRefuses(t *testing.T) {
	for what, vals := range map[string]string{
		"brokers":      `postgresql: {url: "postgres://h/d"}`,
		"url":          `{kafka: {brokers: ["k:1"]}, postgresql: {url: "mysql://h/d"}}`,
		"gatway":       `{kafka: {brokers: ["k:1"]}, postgresql: {url: "postgres://h/d"}, gatway: {}}`,
		"replicas":     `{kafka: {brokers: ["k:1"]}, postgresql: {url: "postgres://h/d"}, writer: {replicas: 0}}`,
		"mechanism":    `{kafka: {brokers: ["k:1"], sasl: {mechanism: gssapi}}, postgresql: {url: "postgres://h/d"}}`,
		"stateDir":     `{kafka: {brokers: ["k:1"]}, postgresql: {url: "postgres://h/d"}, agent: {host: {stateDir: var}}}`,
		"storageclass": `{kafka: {brokers: ["k:1"]}, postgresql: {url: "postgres://h/d"}, writer: {persistence: {storageclass: x}}}`,
	} {
		if _, _, err := render(t, "strata", vals); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("values with a wrong %s: %v", what, err)
		}
	}
}

// checkPods lets strata judge the configuration and the variables of each role as the pod has them.
func checkPods(t *testing.T, objects map[string]any) {
	t.Helper()
	files := objects["ConfigMap/strata"].(*corev1.ConfigMap).Data
	for role, file := range files {
		path := filepath.Join(t.TempDir(), role)
		must(t, os.WriteFile(path, []byte(file), 0o600))
		var spec corev1.PodSpec
		if role = strings.TrimSuffix(role, ".yaml"); role == "writer" {
			spec = objects["StatefulSet/strata-writer"].(*appsv1.StatefulSet).Spec.Template.Spec
		} else {
			spec = objects["Deployment/strata-"+role].(*appsv1.Deployment).Spec.Template.Spec
		}
		if spec.EnableServiceLinks == nil || *spec.EnableServiceLinks {
			t.Errorf("%s: Kubernetes would add STRATA_GATEWAY_SERVICE_HOST and the like, with which strata does not start", role)
		}
		c := spec.Containers[0]
		var env []string
		for _, e := range c.Env {
			value := strings.NewReplacer("$(POD_IP)", "10.0.0.9", "$(STRATA_CLUSTER_INSTANCE)", "pod-0").Replace(e.Value)
			switch e.Name {
			case "STRATA_CLUSTER_INSTANCE":
				value = "pod-0"
			case "STRATA_CLICKHOUSE_URL":
				value = "https://u:p@ch:8443/strata"
			}
			env = append(env, e.Name+"="+value)
		}
		checkRole(t, role, path, env)
		mounts := map[string]bool{}
		for _, m := range c.VolumeMounts {
			mounts[m.Name] = true
		}
		for _, v := range spec.Volumes {
			if !mounts[v.Name] {
				t.Errorf("%s: volume %s is mounted nowhere", role, v.Name)
			}
			delete(mounts, v.Name)
		}
		if delete(mounts, "state"); len(mounts) > 0 {
			t.Errorf("%s: no volume for %v", role, mounts)
		}
		if c.Args[0] != role || c.ReadinessProbe.HTTPGet.Path != "/-/ready" || !*c.SecurityContext.ReadOnlyRootFilesystem {
			t.Errorf("%s: %v", role, c)
		}
	}
}
