// Command cluster runs a real Kubernetes API server with its etcd, and a node beside it when asked to, for as long as a
// test or a person needs them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) == 1 {
		if folder, first := strings.CutPrefix(args[0], nodeInit); first {
			return runNodeInit(layout{folder})
		}
	}
	opts, err := parseOptions(args, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}

	// A reader that is gone must not end the launcher before it has torn down. Caught and dropped rather than
	// ignored: commands would inherit the latter.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	// Later signals stay caught as well, so that none of them breaks off the teardown.
	ctx, stop := signal.NotifyContext(context.Background(), endSignals...)
	defer stop()

	c, err := startCluster(ctx, opts, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		return 1
	}
	defer func() {
		if err := c.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "cluster:", err)
		}
	}()

	if len(opts.command) > 0 {
		return runCommand(ctx, c, opts.command)
	}
	return serve(ctx, c, os.Stdin, os.Stdout, os.Stderr)
}

var endSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}

// options is what the command line asks for.
type options struct {
	assets     string
	logs       string
	kubeconfig string
	node       bool
	images     []string
	command    []string
}

func parseOptions(args []string, output io.Writer) (options, error) {
	var opts options
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&opts.assets, "assets", "",
		"`folder` with etcd and kube-apiserver (default $KUBEBUILDER_ASSETS when complete, else the folder of this program)")
	flags.StringVar(&opts.logs, "logs", "", "`folder` for the logs of all servers (default a temporary one)")
	flags.StringVar(&opts.kubeconfig, "kubeconfig", "", "`file` to write the administrator's kubeconfig to as well")
	flags.BoolVar(&opts.node, "node", false, "bring up a node as well (Linux, as root)")
	flags.Func("image", "`archive` (OCI or docker) of an image for the node, under its full name; can be repeated", func(archive string) error {
		opts.images = append(opts.images, archive)
		return nil
	})
	flags.Usage = func() {
		fmt.Fprint(output, usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	opts.command = flags.Args()
	if len(opts.images) > 0 && !opts.node {
		err := errors.New("--image needs --node")
		fmt.Fprintln(output, "cluster:", err)
		return options{}, err
	}
	return opts, nil
}

const usage = `usage: cluster [flags] [-- COMMAND ARGS...]

With COMMAND: runs it with DATAWORKS_TEST_KUBECONFIG and DATAWORKS_TEST_ASSETS set and ends with its exit code.
Without: prints one line of JSON when the API server is ready and runs until standard input ends or a signal comes.
Commands on standard input, one a line: restart-apiserver, stop-apiserver, start-apiserver, load-image FILE.
With a node, COMMAND finds the socket of its containerd in DATAWORKS_TEST_CONTAINERD.

`
