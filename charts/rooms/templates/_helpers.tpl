{{/* An image as REPOSITORY:TAG, or REPOSITORY:TAG@DIGEST where a digest is given. */}}
{{- define "rooms.image" -}}
{{ .repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}

{{/* What a pod is found by. Takes (dict "component" … "instance" …). */}}
{{- define "rooms.selector" -}}
app.kubernetes.io/name: rooms
app.kubernetes.io/component: {{ .component }}
standby.chaos/instance: {{ .instance }}
{{- end }}

{{/* The labels of everything. Takes (dict "root" $ "component" … "instance" …). */}}
{{- define "rooms.labels" -}}
{{ include "rooms.selector" . }}
standby.chaos/tier: {{ .component }}
app.kubernetes.io/part-of: standby
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* The address HOST:PORT at which a proxy listens. Takes (dict "root" $ "proxy" NAME). */}}
{{- define "rooms.proxy" -}}
{{- $found := "" -}}
{{- range $server := .root.Values.bridge.servers -}}
{{- range $server.proxies -}}
{{- if eq .name $.proxy -}}{{- $found = printf "%s:%d" $server.name (int .port) -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- required (printf "bridge.servers declares no proxy %s, which a tier needs" .proxy) $found -}}
{{- end }}

{{/* The Secret with the control token. */}}
{{- define "rooms.controlSecret" -}}
{{- default "control" .Values.control.existingSecret -}}
{{- end }}

{{/*
What every pod has. Takes (dict "root" $ "component" … "role" …): role is the standby.chaos/role of the nodes that it
asks for; a tier that finds none of them may live on the other tier's, the tools on their own only.
*/}}
{{- define "rooms.pod" -}}
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
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        preference:
          matchExpressions:
            - {key: standby.chaos/role, operator: In, values: [{{ .role }}]}
    {{- if .root.Values.placement.strict }}
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            - {key: standby.chaos/role, operator: In, values: [{{ if eq .role "tools" }}tools{{ else }}platform, media{{ end }}]}
    {{- end }}
tolerations:
  {{- range list "not-ready" "unreachable" }}
  - {key: node.kubernetes.io/{{ . }}, operator: Exists, effect: NoExecute, tolerationSeconds: {{ $.root.Values.tolerationSeconds }}}
  {{- end }}
{{- end }}

{{/* The pods of a component as far apart as there are nodes. Takes the component. */}}
{{- define "rooms.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        app.kubernetes.io/name: rooms
        app.kubernetes.io/component: {{ . }}
{{- end }}

{{- define "rooms.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* What a tier's container has besides its name and arguments. Takes (dict "root" $ "resources" … "env" LIST?). */}}
{{- define "rooms.tier" -}}
image: {{ include "rooms.image" .root.Values.images.rooms }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
env:
  - name: STANDBY_CONTROL_TOKEN
    valueFrom: {secretKeyRef: {name: {{ include "rooms.controlSecret" .root }}, key: token}}
  {{- with .env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - {name: http, containerPort: 8000}
# Slow to judge: on a starved machine a tier that answers late is no dead one.
startupProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1, failureThreshold: 60}
livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 6}
readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 3}
resources: {{ toYaml .resources | nindent 2 }}
{{ include "rooms.containerSecurity" . }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end }}
