{{/* The operator's variables. */}}
{{- define "dataworks-operator.environment" -}}
{{- $v := .Values -}}
- name: POD_UID
  valueFrom:
    fieldRef:
      fieldPath: metadata.uid
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with $v.connection.region }}
- name: DATAWORKS_REGION
  value: {{ . | quote }}
{{- end }}
{{- if $v.connection.endpoint }}
- name: DATAWORKS_ENDPOINT
  value: {{ $v.connection.endpoint | quote }}
{{- end }}
{{- with $v.connection.existingSecret }}
{{- if .name }}
- name: ALIBABA_CLOUD_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .accessKeyIdKey | quote }}
- name: ALIBABA_CLOUD_ACCESS_KEY_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .accessKeySecretKey | quote }}
{{- if .securityTokenKey }}
- name: ALIBABA_CLOUD_SECURITY_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .securityTokenKey | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with $v.connection.namespaces }}
- name: DATAWORKS_DEFAULT_CONNECTION_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
{{- with $v.connection.projects }}
{{- /* Numbers of a values file are floating: as a text a large one would have an exponent. */}}
{{- $ids := list }}
{{- range . }}
{{- $ids = append $ids (int64 .) }}
{{- end }}
- name: DATAWORKS_DEFAULT_CONNECTION_PROJECTS
  value: {{ join "," $ids | quote }}
{{- end }}
- name: DATAWORKS_EDITION
  value: {{ $v.connection.edition }}
{{- with $v.connection.requestsPerSecond }}
- name: DATAWORKS_REQUESTS_PER_SECOND
  value: {{ . | toString | quote }}
{{- end }}
{{- with $v.connection.requestsPerDay }}
- name: DATAWORKS_REQUESTS_PER_DAY
  value: {{ int64 . | quote }}
{{- end }}
- name: DATAWORKS_DRIFT_INTERVAL
  value: {{ $v.driftInterval | quote }}
- name: DATAWORKS_CALL_DEADLINE
  value: {{ $v.bounds.callDeadline | quote }}
- name: DATAWORKS_COMMIT_LAG
  value: {{ $v.bounds.commitLag | quote }}
- name: DATAWORKS_SIGNATURE_VALIDITY
  value: {{ $v.bounds.signatureValidity | quote }}
- name: DATAWORKS_START_DEADLINE
  value: {{ $v.bounds.startDeadline | quote }}
- name: DATAWORKS_CLOCK_SKEW
  value: {{ $v.bounds.clockSkew | quote }}
{{- with $v.watchNamespaces }}
- name: DATAWORKS_WATCH_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
{{- with include "dataworks-operator.clusterId" . }}
- name: DATAWORKS_CLUSTER_ID
  value: {{ . | quote }}
{{- end }}
{{- if $v.leaderElection.enabled }}
- name: DATAWORKS_LEASE_NAME
  value: {{ include "dataworks-operator.leaseName" . }}
- name: DATAWORKS_LEASE_DURATION
  value: {{ $v.leaderElection.leaseDuration | quote }}
{{- else }}
- name: DATAWORKS_LEASE_NAME
  value: {{ include "dataworks-operator.leaseName" . }}
- name: DATAWORKS_NO_LEADER_ELECT
  value: "true"
{{- end }}
- name: DATAWORKS_HEALTH_ADDRESS
  value: {{ printf "%s:%d" $v.listenAddress (int $v.health.port) | quote }}
- name: DATAWORKS_METRICS_ADDRESS
  value: {{ printf "%s:%d" (ternary $v.listenAddress (ternary "[::1]" "127.0.0.1" (hasPrefix "[" $v.listenAddress)) $v.metrics.enabled) (int $v.metrics.port) | quote }}
- name: DATAWORKS_LOG_FORMAT
  value: {{ $v.logs.format }}
- name: DATAWORKS_LOG
  value: {{ $v.logs.level | quote }}
{{- with $v.proxy.url }}
- name: DATAWORKS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with $v.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
