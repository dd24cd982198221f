{{/* The simulator takes any; the operator needs none beside an endpoint, but logs and metrics name it. */}}
{{- define "dataworks-operator.region" -}}
{{- if .Values.connection.region -}}
{{ .Values.connection.region }}
{{- else if .Values.simulator.enabled -}}
cn-shanghai
{{- end -}}
{{- end }}

{{- define "dataworks-operator.endpoint" -}}
{{- if .Values.simulator.enabled -}}
http://{{ include "dataworks-operator.simulatorName" . }}.{{ include "dataworks-operator.namespace" . }}.svc
{{- else -}}
{{ .Values.connection.endpoint }}
{{- end -}}
{{- end }}

{{/* Ids of workspaces, comma separated. Numbers of a values file are floating: a large one would have an exponent. */}}
{{- define "dataworks-operator.projects" -}}
{{- $ids := list -}}
{{- range .Values.connection.projects -}}
{{- $ids = append $ids (include "dataworks-operator.count" .) -}}
{{- end -}}
{{ join "," $ids }}
{{- end }}

{{/* What calls are signed with. */}}
{{- define "dataworks-operator.credentials" -}}
{{- $v := .Values -}}
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
{{- with $v.rrsa.manual }}
{{- if .enabled }}
- name: ALIBABA_CLOUD_ROLE_ARN
  value: {{ .roleArn | quote }}
- name: ALIBABA_CLOUD_OIDC_PROVIDER_ARN
  value: {{ .oidcProviderArn | quote }}
- name: ALIBABA_CLOUD_OIDC_TOKEN_FILE
  value: {{ include "dataworks-operator.rrsaFolder" $ }}/token
{{- end }}
{{- end }}
{{- if $v.simulator.enabled }}
# No secret: the simulator's own, as its source has it. Plain http, since it speaks nothing else.
- name: DATAWORKS_ALLOW_PLAIN_HTTP
  value: "true"
- name: DATAWORKS_UPLOAD_ENDPOINT
  value: {{ include "dataworks-operator.endpoint" . | quote }}
- name: ALIBABA_CLOUD_ACCESS_KEY_ID
  value: LTAIexampleAKID
- name: ALIBABA_CLOUD_ACCESS_KEY_SECRET
  value: exampleSecret
{{- end }}
{{- end }}

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
{{- with include "dataworks-operator.region" . }}
- name: DATAWORKS_REGION
  value: {{ . | quote }}
{{- end }}
{{- with include "dataworks-operator.endpoint" . }}
- name: DATAWORKS_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- include "dataworks-operator.credentials" . }}
{{- with $v.connection.namespaces }}
- name: DATAWORKS_DEFAULT_CONNECTION_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
{{- with include "dataworks-operator.projects" . }}
- name: DATAWORKS_DEFAULT_CONNECTION_PROJECTS
  value: {{ . | quote }}
{{- end }}
{{- $allowed := $v.connection.allowedEndpoints }}
{{- if $v.simulator.enabled }}
{{- /* It takes uploads, too. */}}
{{- $allowed = append $allowed (include "dataworks-operator.endpoint" .) }}
{{- end }}
{{- with $allowed }}
- name: DATAWORKS_ALLOWED_ENDPOINTS
  value: {{ join "," . | quote }}
{{- end }}
{{- if $v.connection.assumeRoles }}
{{- $roles := list }}
{{- range $v.connection.assumeRoles }}
{{- $roles = append $roles (printf "%s=%s" .namespace .roleArn) }}
{{- end }}
- name: DATAWORKS_ASSUME_ROLES
  value: {{ join "," $roles | quote }}
{{- end }}
- name: DATAWORKS_EDITION
  value: {{ $v.connection.edition }}
{{- with $v.connection.requestsPerSecond }}
- name: DATAWORKS_REQUESTS_PER_SECOND
  value: {{ . | toString | quote }}
{{- end }}
{{- with $v.connection.requestsPerDay }}
- name: DATAWORKS_REQUESTS_PER_DAY
  value: {{ include "dataworks-operator.count" . | quote }}
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
- name: DATAWORKS_LOG_FILE
  value: {{ include "dataworks-operator.mountFolder" . }}/logs/level
{{- if or $v.caBundle.configMap.name $v.caBundle.secret.name }}
- name: DATAWORKS_CA_BUNDLE
  value: {{ include "dataworks-operator.mountFolder" . }}/ca/ca.crt
{{- end }}
{{- with $v.proxy.httpsProxy }}
- name: DATAWORKS_PROXY_FROM_ENVIRONMENT
  value: "true"
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- with $v.proxy.noProxy }}
- name: NO_PROXY
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- with $v.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
