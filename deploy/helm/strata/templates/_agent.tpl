{{- /* SPDX-License-Identifier: Apache-2.0 */}}
{{- /* strata.agent.config is agent.yaml: what both have, then what the part needs ("host" on every node, "scrape" once), then its config. */}}
{{- define "strata.agent.config" -}}
{{- $v := .root.Values.agent }}
{{- $name := include "strata.name" .root }}
{{- $cfg := dict
  "server" (dict "endpoint" ($v.endpoint | default (printf "http://%s-gateway:4317" $name)) "key_file" "/etc/strata-agent/key/key")
  "opamp" (dict "endpoint" ($v.opampEndpoint | default (printf "http://%s-gateway:7080" $name)))
}}
{{- if eq .part "host" }}
{{- $_ := set $cfg "host" (dict "root_path" "/host") }}
{{- if $v.host.podLogs }}
{{- $_ := set $cfg "logs" (list (dict
  "include" (list "/host/var/log/pods/*/*/*.log")
  "exclude" (list (printf "/host/var/log/pods/%s_%s-agent-*/*/*.log" .root.Release.Namespace $name))
  "operators" (list (dict "type" "container" "add_metadata_from_filepath" true))
)) }}
{{- end }}
{{- else }}
{{- $_ := set $cfg "host" (dict "enabled" false) }}
{{- $_ := set $cfg "middleware" (dict "enabled" false) }}
{{- $_ := set $cfg "scrape" $v.scrape.configs }}
{{- end }}
{{- toYaml (mergeOverwrite $cfg (deepCopy (index $v .part).config)) }}
{{- end }}

{{- /* strata.agent.pod is the pod template of one part. */}}
{{- define "strata.agent.pod" -}}
{{- $v := .root.Values }}
{{- $a := $v.agent }}
{{- $part := index $a .part }}
{{- $host := eq .part "host" }}
{{- $name := include "strata.name" .root }}
metadata:
  labels:
    {{- include "strata.labels" (dict "root" .root "role" (printf "agent-%s" .part)) | nindent 4 }}
    {{- with $v.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/config: {{ include "strata.agent.config" . | sha256sum }}
    {{- with $v.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  enableServiceLinks: false
  {{- if $host }}
  # The node's own name, sockets and processes: what the agent tells is the node, not its pod.
  hostNetwork: true
  hostPID: true
  dnsPolicy: ClusterFirstWithHostNet
  automountServiceAccountToken: false
  {{- else }}
  # The name of the series' host stays when the pod is replaced.
  hostname: {{ $name }}-agent-scrape
  serviceAccountName: {{ $name }}-agent-scrape
  {{- end }}
  {{- with $v.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with $part.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: 30
  securityContext:
    {{- if $host }}
    # Root without its rights but two: to read files and processes of all users. Files of the state are root's.
    runAsUser: 0
    runAsGroup: 0
    {{- else }}
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    {{- end }}
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: agent
      image: "{{ $a.image.repository }}:{{ $a.image.tag | default .root.Chart.AppVersion }}"
      imagePullPolicy: {{ $a.image.pullPolicy }}
      args: [--config, /etc/strata-agent/agent.yaml, --state-dir, /var/lib/strata-agent]
      env:
        - name: GOMEMLIMIT
          valueFrom: {resourceFieldRef: {containerName: agent, resource: limits.memory}}
      # It fails when the agent hangs. A server that is away is not the agent's fault.
      livenessProbe:
        exec: {command: [strata-agent, status, --state-dir, /var/lib/strata-agent]}
        initialDelaySeconds: 30
        periodSeconds: 30
        timeoutSeconds: 10
        failureThreshold: 4
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
          {{- if $host }}
          add: [DAC_READ_SEARCH, SYS_PTRACE]
          {{- end }}
      {{- with $part.resources }}
      resources: {{ toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - {name: config, mountPath: /etc/strata-agent/agent.yaml, subPath: {{ .part }}.yaml, readOnly: true}
        - {name: key, mountPath: /etc/strata-agent/key, readOnly: true}
        - {name: state, mountPath: /var/lib/strata-agent}
        {{- if $host }}
        - {name: root, mountPath: /host, readOnly: true, mountPropagation: HostToContainer}
        {{- end }}
  volumes:
    - {name: config, configMap: {name: {{ $name }}-agent}}
    - name: key
      secret: {secretName: {{ $a.key.secret }}, items: [{key: {{ $a.key.secretKey }}, path: key}]}
    {{- if $host }}
    # The queue and the positions in files outlive the pod.
    - name: state
      hostPath: {path: {{ $a.host.stateDir }}, type: DirectoryOrCreate}
    - name: root
      hostPath: {path: /}
    {{- else }}
    - {name: state, emptyDir: {}}
    {{- end }}
  {{- with $part.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with $part.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
