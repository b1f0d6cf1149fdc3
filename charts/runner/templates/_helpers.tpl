{{/* What a pod is found by. Takes (dict "root" $ "component" …). */}}
{{- define "runner.selector" -}}
app.kubernetes.io/name: runner
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* The labels of everything. Takes (dict "root" $ "component" …). */}}
{{- define "runner.labels" -}}
{{ include "runner.selector" . }}
app.kubernetes.io/part-of: standby
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* What every pod has. Takes (dict "root" $ "account" …). */}}
{{- define "runner.pod" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: true
enableServiceLinks: false
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
{{- end }}

{{/* What every container has besides its name, command and mounts. */}}
{{- define "runner.container" -}}
image: {{ .Values.image.repository }}:{{ .Values.image.tag }}{{ with .Values.image.digest }}@{{ . }}{{ end }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* The spec of the Job, which a CronJob repeats. A run is never tried again: it would be another run. */}}
{{- define "runner.job" -}}
backoffLimit: 0
activeDeadlineSeconds: {{ .Values.deadlineSeconds }}
template:
  metadata:
    labels: {{ include "runner.labels" (dict "root" . "component" "run") | nindent 6 }}
  spec:
    restartPolicy: Never
    terminationGracePeriodSeconds: 60  # what it takes to undo
    {{- include "runner.pod" (dict "root" . "account" .Release.Name) | nindent 4 }}
    containers:
      - name: run
        command: [standby, run]
        args:
          {{- if .Values.experiment.document }}
          - /experiment/experiment.yaml
          {{- else }}
          - /standby/experiments/{{ .Values.experiment.name }}.yaml
          {{- end }}
          - --world=kubernetes
          - --namespace={{ .Values.target }}
          {{- with .Values.results.url }}
          - {{ printf "--store=%s" . | quote }}
          {{- end }}
          {{- if or .Values.results.existingClaim .Values.results.size }}
          - --history=/results/history.jsonl  # each run of the schedule adds a line: `standby history` shows drift
          {{- end }}
          {{- range .Values.experiment.arguments }}
          - {{ . | quote }}
          {{- end }}
        env:
          - {name: STANDBY_STATE, value: /results}
        {{- with .Values.results.urlSecret }}
        envFrom:
          - secretRef: {name: {{ . }}}
        {{- end }}
        {{- include "runner.container" . | nindent 8 }}
        resources: {{ toYaml .Values.resources | nindent 10 }}
        volumeMounts:
          - {name: results, mountPath: /results}
          - {name: tmp, mountPath: /tmp}
          {{- if .Values.experiment.document }}
          - {name: experiment, mountPath: /experiment, readOnly: true}
          {{- end }}
    volumes:
      - name: results
        {{- if or .Values.results.existingClaim .Values.results.size }}
        persistentVolumeClaim: {claimName: {{ default .Release.Name .Values.results.existingClaim }}}
        {{- else }}
        emptyDir: {}
        {{- end }}
      - {name: tmp, emptyDir: {sizeLimit: 64Mi}}
      {{- if .Values.experiment.document }}
      - {name: experiment, configMap: {name: {{ .Release.Name }}}}
      {{- end }}
{{- end }}
