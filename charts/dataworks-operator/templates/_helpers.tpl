{{/* Names */}}
{{- define "dataworks-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* At most 50 characters: what is appended to it has room in 63. */}}
{{- define "dataworks-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "dataworks-operator.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "dataworks-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "dataworks-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "dataworks-operator.leaseName" -}}
{{- default (include "dataworks-operator.fullname" .) .Values.leaderElection.leaseName }}
{{- end }}

{{/* Labels. Arguments: the context, and the component. */}}
{{- define "dataworks-operator.selectorLabels" -}}
{{- $context := index . 0 -}}
app.kubernetes.io/name: {{ include "dataworks-operator.name" $context }}
app.kubernetes.io/instance: {{ $context.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "dataworks-operator.labels" -}}
{{- $context := index . 0 -}}
{{- with $context.Values.commonLabels }}
{{- toYaml . }}
{{ end -}}
{{ include "dataworks-operator.selectorLabels" . }}
app.kubernetes.io/part-of: dataworks-operator
app.kubernetes.io/version: {{ $context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $context.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $context.Chart.Name $context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* An image; the digest wins. Arguments: the context, and the image's values. */}}
{{- define "dataworks-operator.image" -}}
{{- $context := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default $context.Chart.AppVersion $image.tag }}
{{- end }}
{{- end }}

{{/* Seconds of a duration such as 1h30m or 45s. */}}
{{- define "dataworks-operator.seconds" -}}
{{- $seconds := 0 -}}
{{- range regexFindAll "[0-9]+[hms]" . -1 -}}
{{- $number := regexFind "[0-9]+" . | int -}}
{{- if hasSuffix "h" . -}}{{- $seconds = add $seconds (mul $number 3600) -}}
{{- else if hasSuffix "m" . -}}{{- $seconds = add $seconds (mul $number 60) -}}
{{- else -}}{{- $seconds = add $seconds $number -}}
{{- end -}}
{{- end -}}
{{- $seconds -}}
{{- end }}

{{/* The cluster's name in intents; nothing: the operator reads it by itself. */}}
{{- define "dataworks-operator.clusterId" -}}
{{- if .Values.clusterId -}}
{{ .Values.clusterId }}
{{- else if .Values.watchNamespaces -}}
{{- $namespace := lookup "v1" "Namespace" "" "kube-system" -}}
{{- if not $namespace -}}
{{- fail "\n\nclusterId is needed together with watchNamespaces, since the chart is rendered without a cluster here, and the operator\nmay not read namespace kube-system. It is the output of\n\n    kubectl get namespace kube-system -o jsonpath={.metadata.uid}\n" -}}
{{- end -}}
{{ $namespace.metadata.uid }}
{{- end -}}
{{- end }}

{{/* Names of the variables that extraEnv sets, as a text " A B ". */}}
{{- define "dataworks-operator.extraEnvNames" -}}
{{- " " -}}{{- range .Values.extraEnv -}}{{ .name }}{{ " " }}{{- end -}}
{{- end }}

{{/* What no schema can say. */}}
{{- define "dataworks-operator.validate" -}}
{{- $v := .Values -}}
{{- $extra := include "dataworks-operator.extraEnvNames" . -}}
{{- if not (or $v.connection.region $v.connection.endpoint $v.extraEnvFrom (contains " DATAWORKS_REGION " $extra) (contains " DATAWORKS_ENDPOINT " $extra)) -}}
{{- fail "\n\nconnection.region is needed: the region of your DataWorks workspaces, such as\n\n    --set connection.region=cn-shanghai\n" -}}
{{- end -}}
{{- if not (or $v.connection.existingSecret.name $v.extraEnvFrom (contains " ALIBABA_CLOUD_ACCESS_KEY_ID " $extra)) -}}
{{- fail (printf "\n\nconnection.existingSecret.name is needed: a Secret in namespace %s that holds an AccessKey. Make one with\n\n    kubectl create secret generic dataworks-credentials --namespace %s \\\n      --from-literal=accessKeyId=... --from-literal=accessKeySecret=...\n\nand add --set connection.existingSecret.name=dataworks-credentials\n" (include "dataworks-operator.namespace" .) (include "dataworks-operator.namespace" .)) -}}
{{- end -}}
{{- if and (not $v.leaderElection.enabled) (gt (int $v.replicaCount) 1) -}}
{{- fail "\n\nreplicaCount above 1 needs leaderElection.enabled: two pods that both work would make files twice.\n" -}}
{{- end -}}
{{- $least := add (include "dataworks-operator.seconds" $v.bounds.callDeadline | int) 10 -}}
{{- if lt (int $v.terminationGracePeriodSeconds) (int $least) -}}
{{- fail (printf "\n\nterminationGracePeriodSeconds has to be at least %d (bounds.callDeadline and 10 s), so that calls under way are finished.\n" (int $least)) -}}
{{- end -}}
{{- if and (or $v.serviceMonitor.enabled $v.podMonitor.enabled) (not $v.metrics.enabled) -}}
{{- fail "\n\nserviceMonitor and podMonitor need metrics.enabled.\n" -}}
{{- end -}}
{{- if and $v.serviceMonitor.enabled $v.podMonitor.enabled -}}
{{- fail "\n\nserviceMonitor and podMonitor together would count everything twice: enable one.\n" -}}
{{- end -}}
{{- end }}
