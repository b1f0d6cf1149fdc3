{{/* An image as REPOSITORY:TAG, or REPOSITORY:TAG@DIGEST where a digest is given. */}}
{{- define "observability.image" -}}
{{ .repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}

{{/* What a pod is found by. Takes (dict "component" …). */}}
{{- define "observability.selector" -}}
app.kubernetes.io/name: observability
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* The labels of everything. Takes (dict "root" $ "component" …). */}}
{{- define "observability.labels" -}}
{{ include "observability.selector" . }}
app.kubernetes.io/part-of: standby
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* What every pod has. Takes (dict "root" $ "component" …). */}}
{{- define "observability.pod" -}}
serviceAccountName: {{ .component }}
automountServiceAccountToken: {{ eq .component "prometheus" }}
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65534
  runAsGroup: 65534
  fsGroup: 65534
  seccompProfile: {type: RuntimeDefault}
affinity:
  nodeAffinity:
    {{- if .root.Values.placement.strict }}
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            - {key: standby.chaos/role, operator: In, values: [tools]}
    {{- else }}
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        preference:
          matchExpressions:
            - {key: standby.chaos/role, operator: In, values: [tools]}
    {{- end }}
tolerations:
  {{- range list "not-ready" "unreachable" }}
  - {key: node.kubernetes.io/{{ . }}, operator: Exists, effect: NoExecute, tolerationSeconds: {{ $.root.Values.tolerationSeconds }}}
  {{- end }}
{{- end }}

{{- define "observability.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/*
How a pod becomes a target: the labels job, tier, instance and node that the rules rest on, and pod, which tells
replicas apart.
*/}}
{{- define "observability.relabelings" -}}
- {sourceLabels: [__meta_kubernetes_pod_label_standby_chaos_tier], regex: {{ join "|" .Values.tiers }}, action: keep}
- {sourceLabels: [__meta_kubernetes_pod_container_port_name], regex: http, action: keep}
- {sourceLabels: [__meta_kubernetes_pod_phase], regex: Succeeded|Failed, action: drop}
- {sourceLabels: [__meta_kubernetes_pod_label_standby_chaos_tier], targetLabel: job}
- {sourceLabels: [__meta_kubernetes_pod_label_standby_chaos_tier], targetLabel: tier}
- {sourceLabels: [__meta_kubernetes_pod_label_standby_chaos_instance], targetLabel: instance}
- {sourceLabels: [__meta_kubernetes_pod_node_name], targetLabel: node}
- {sourceLabels: [__meta_kubernetes_pod_name], targetLabel: pod}
{{- end }}
