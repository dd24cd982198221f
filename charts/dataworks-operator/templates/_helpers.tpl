{{/* Names */}}
{{- define "dataworks-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimAll "-" }}
{{- end }}

{{/* At most 50 characters: what is appended to it has room in 63. A release may have dots in its name, a Service may not. */}}
{{- define "dataworks-operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $full := .Values.fullnameOverride }}
{{- if not $full }}
{{- $full = contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- end }}
{{- $full | replace "." "-" | trunc 50 | trimAll "-" }}
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

{{- define "dataworks-operator.simulatorName" -}}
{{ include "dataworks-operator.fullname" . }}-simulator
{{- end }}

{{- define "dataworks-operator.guardName" -}}
{{ include "dataworks-operator.fullname" . }}-guard
{{- end }}

{{- define "dataworks-operator.leaseName" -}}
{{- default (include "dataworks-operator.fullname" .) .Values.leaderElection.leaseName }}
{{- end }}

{{/* Labels that select. Arguments: the context, and the component. */}}
{{- define "dataworks-operator.selectorLabels" -}}
{{- $context := index . 0 -}}
app.kubernetes.io/name: {{ include "dataworks-operator.name" $context }}
app.kubernetes.io/instance: {{ $context.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Labels of an object. Arguments: the context, the component and, as a third, more labels. Those that select are ours; of
the others the user's win. */}}
{{- define "dataworks-operator.labels" -}}
{{- $context := index . 0 -}}
{{- $more := dict -}}
{{- if gt (len .) 2 }}{{ $more = index . 2 }}{{ end -}}
{{- $labels := include "dataworks-operator.selectorLabels" . | fromYaml -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" $context.Release.Service -}}
{{- $labels = merge $labels $more $context.Values.commonLabels -}}
{{- $_ := set $labels "app.kubernetes.io/part-of" (get $labels "app.kubernetes.io/part-of" | default "dataworks-operator") -}}
{{- $_ := set $labels "app.kubernetes.io/version" (get $labels "app.kubernetes.io/version" | default $context.Chart.AppVersion) -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" $context.Chart.Name $context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- toYaml $labels }}
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

{{/* Where a pod may run, and as whom: of every pod of the chart. */}}
{{- define "dataworks-operator.podPlacement" -}}
{{- $v := .Values -}}
{{- with $v.imagePullSecrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{ end -}}
{{- if not (kindIs "invalid" $v.hostUsers) -}}
hostUsers: {{ $v.hostUsers }}
{{ end -}}
securityContext:
  {{- toYaml $v.podSecurityContext | nindent 2 }}
{{- with $v.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $v.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $v.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with $v.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A whole number without an exponent, or the text that was given in its place. */}}
{{- define "dataworks-operator.count" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ int64 . }}{{ end }}
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

{{/* What the operator signs with, each as what says so; a list as YAML. What extraEnvFrom brings is not known. */}}
{{- define "dataworks-operator.identities" -}}
{{- $v := .Values -}}
{{- $extra := include "dataworks-operator.extraEnvNames" . -}}
{{- $identities := list -}}
{{- if $v.connection.existingSecret.name -}}{{- $identities = append $identities "connection.existingSecret.name" -}}{{- end -}}
{{- if $v.rrsa.roleName -}}{{- $identities = append $identities "rrsa.roleName" -}}{{- end -}}
{{- if $v.rrsa.manual.enabled -}}{{- $identities = append $identities "rrsa.manual.enabled" -}}{{- end -}}
{{- if $v.simulator.enabled -}}{{- $identities = append $identities "simulator.enabled" -}}{{- end -}}
{{- range list "ALIBABA_CLOUD_ACCESS_KEY_ID" "ALIBABA_CLOUD_ECS_METADATA" -}}
{{- if contains (printf " %s " .) $extra -}}{{- $identities = append $identities (printf "%s in extraEnv" .) -}}{{- end -}}
{{- end -}}
{{- range $v.extraArgs -}}
{{- if hasPrefix "--ecs-role" . -}}{{- $identities = append $identities "--ecs-role in extraArgs" -}}{{- end -}}
{{- end -}}
{{- toYaml $identities -}}
{{- end }}

{{/* Text where objects may use the operator's own credentials: over the default connection, or to assume a role. What comes
from elsewhere is not known. */}}
{{- define "dataworks-operator.ownCredentials" -}}
{{- $v := .Values -}}
{{- $extra := include "dataworks-operator.extraEnvNames" . -}}
{{- if or $v.simulator.enabled $v.connection.namespaces $v.connection.assumeRoles (contains " DATAWORKS_DEFAULT_CONNECTION_NAMESPACES " $extra) (contains " DATAWORKS_ASSUME_ROLES " $extra) -}}
yes
{{- end -}}
{{- end }}

{{/* What no schema can say. */}}
{{- define "dataworks-operator.validate" -}}
{{- $v := .Values -}}
{{- $extra := include "dataworks-operator.extraEnvNames" . -}}
{{- $namespace := include "dataworks-operator.namespace" . -}}
{{- if and $v.simulator.enabled $v.connection.endpoint -}}
{{- fail "\n\nsimulator.enabled and connection.endpoint are both set: the operator calls one of them. Set simulator.enabled=false to work on\nreal workspaces.\n" -}}
{{- end -}}
{{- $own := include "dataworks-operator.ownCredentials" . -}}
{{- $sources := include "dataworks-operator.identities" . | fromYamlArray -}}
{{- if and (or $own $sources) (not (or $v.simulator.enabled $v.connection.region $v.connection.endpoint $v.extraEnvFrom (contains " DATAWORKS_REGION " $extra) (contains " DATAWORKS_ENDPOINT " $extra))) -}}
{{- fail "\n\nconnection.region is needed: the region of your DataWorks workspaces, such as\n\n    --set connection.region=cn-shanghai\n" -}}
{{- end -}}
{{- if gt (len $sources) 1 -}}
{{- fail (printf "\n\n%s are set, but calls are signed with one of them: leave one.\n" (join " and " $sources)) -}}
{{- end -}}
{{- if and $own (not (or $sources $v.extraEnvFrom)) -}}
{{- fail (printf "\n\nNothing says what calls are signed with. Give one of\n\n    connection.existingSecret.name   a Secret in namespace %s that holds an AccessKey. Make it with\n                                     kubectl create secret generic dataworks-credentials --namespace %s \\\n                                       --from-literal=accessKeyId=... --from-literal=accessKeySecret=...\n    rrsa.roleName                    a RAM role, where ack-pod-identity-webhook is installed\n    rrsa.manual.enabled              a RAM role, without the webhook\n    extraEnv                         ALIBABA_CLOUD_ECS_METADATA: the RAM role of the node, an ECS instance\n    simulator.enabled                no account at all: a trial against a simulated DataWorks\n\nNone is needed where connection.namespaces and connection.assumeRoles are empty: then every DataWorksWorkspace has to bring\ncredentials of its own.\n" $namespace $namespace) -}}
{{- end -}}
{{- if and $v.rrsa.manual.enabled (not (and $v.rrsa.manual.roleArn $v.rrsa.manual.oidcProviderArn)) -}}
{{- fail "\n\nrrsa.manual.enabled needs rrsa.manual.roleArn and rrsa.manual.oidcProviderArn.\n" -}}
{{- end -}}
{{- if and $v.caBundle.configMap.name $v.caBundle.secret.name -}}
{{- fail "\n\ncaBundle.configMap.name and caBundle.secret.name are both set: put all certificates into one of them.\n" -}}
{{- end -}}
{{- if contains " DATAWORKS_LOG " $extra -}}
{{- fail "\n\nextraEnv sets DATAWORKS_LOG, which the file of the level would win over: set logs.level.\n" -}}
{{- end -}}
{{- if and $v.proxy.noProxy (not $v.proxy.httpsProxy) -}}
{{- fail "\n\nproxy.noProxy needs proxy.httpsProxy.\n" -}}
{{- end -}}
{{- $names := dict -}}
{{- range include "dataworks-operator.environment" . | fromYamlArray -}}
{{- if hasKey $names .name -}}
{{- fail (printf "\n\nextraEnv sets %s, which the chart sets, too. Use its value in place of the variable.\n" .name) -}}
{{- end -}}
{{- $_ := set $names .name true -}}
{{- end -}}
{{- if and (not $v.leaderElection.enabled) (gt (int $v.replicaCount) 1) -}}
{{- fail "\n\nreplicaCount above 1 needs leaderElection.enabled: two pods that both work would make files twice.\n" -}}
{{- end -}}
{{- if lt (include "dataworks-operator.seconds" $v.leaderElection.leaseDuration | int) 3 -}}
{{- fail "\n\nleaderElection.leaseDuration has to be at least 3s.\n" -}}
{{- end -}}
{{- if eq (int $v.health.port) (int $v.metrics.port) -}}
{{- fail (printf "\n\nhealth.port and metrics.port are both %d: one process cannot listen twice.\n" (int $v.health.port)) -}}
{{- end -}}
{{- $budget := $v.podDisruptionBudget -}}
{{- if and $budget.enabled (gt (int $v.replicaCount) 1) (kindIs "invalid" $budget.maxUnavailable) (not (kindIs "string" $budget.minAvailable)) (ge (int $budget.minAvailable) (int $v.replicaCount)) -}}
{{- fail (printf "\n\npodDisruptionBudget.minAvailable is %d of %d pods: no node that one runs on could ever be drained. Let one go.\n" (int $budget.minAvailable) (int $v.replicaCount)) -}}
{{- end -}}
{{- $least := add (include "dataworks-operator.seconds" $v.bounds.callDeadline | int) 10 -}}
{{- if lt (int $v.terminationGracePeriodSeconds) (int $least) -}}
{{- fail (printf "\n\nterminationGracePeriodSeconds has to be at least %d (bounds.callDeadline and 10 s), so that calls under way are finished.\n" (int $least)) -}}
{{- end -}}
{{- if and (or $v.serviceMonitor.enabled $v.podMonitor.enabled) (not $v.metrics.enabled) -}}
{{- fail "\n\nserviceMonitor and podMonitor need metrics.enabled.\n" -}}
{{- end -}}
{{- if and $v.prometheusRule.enabled (not $v.metrics.enabled) -}}
{{- fail "\n\nprometheusRule.enabled needs metrics.enabled: without metrics DataWorksOperatorDown would always fire.\n" -}}
{{- end -}}
{{- if and $v.serviceMonitor.enabled $v.podMonitor.enabled -}}
{{- fail "\n\nserviceMonitor and podMonitor together would count everything twice: enable one.\n" -}}
{{- end -}}
{{- end }}
