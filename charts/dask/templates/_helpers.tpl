{{/* By what a pod is found. Takes (dict "root" $ "component" …). */}}
{{- define "dask.selector" -}}
app.kubernetes.io/name: dask
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* The labels of everything. Takes (dict "root" $ "component" …). */}}
{{- define "dask.labels" -}}
{{ include "dask.selector" . }}
app.kubernetes.io/part-of: standby
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* What every pod has. Takes (dict "root" $ "component" …). */}}
{{- define "dask.pod" -}}
serviceAccountName: {{ .component }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: 5
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
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
volumes:
  - {name: tmp, emptyDir: {sizeLimit: 1Gi}}
{{- end }}

{{/* What every container has besides its name, arguments and port. Takes (dict "root" $ "resources" …). */}}
{{- define "dask.container" -}}
image: {{ .root.Values.image.repository }}:{{ .root.Values.image.tag }}{{ with .root.Values.image.digest }}@{{ . }}{{ end }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
env:
  - {name: HOME, value: /tmp}
  - {name: DASK_LOGGING__DISTRIBUTED, value: warning}  # else every probe is told
  - {name: NUMBA_CACHE_DIR, value: /tmp/numba}  # what is compiled is kept as long as the pod
startupProbe: {tcpSocket: {port: dask}, periodSeconds: 1, failureThreshold: 120}
livenessProbe: {tcpSocket: {port: dask}, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 6}
readinessProbe: {tcpSocket: {port: dask}, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 3}
resources: {{ toYaml .resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end }}
