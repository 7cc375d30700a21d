/** A Nomad job for its qemu driver, which starts a disk and forwards a port to it. */
import { HOST_CLOCK_ARGUMENTS } from '../guest/host-clock.ts'
import { FILES, type GuestDescription } from './libvirt.ts'

/** JSON's strings are HCL's, but for the two that begin a template there. */
function hcl(text: string): string {
  return JSON.stringify(text).replace(/([$%])\{/g, '$1$1{')
}

export function nomadJob(guest: GuestDescription): string {
  const settings = `name=opt/eremite/env,file=${guest.folder}/${FILES.settings}`
  const words = ['-cpu', 'max', '-snapshot', '-fw_cfg', settings, ...HOST_CLOCK_ARGUMENTS]
  return `# nomad job run nomad.hcl. Clients need ${guest.folder}, and it among image_paths of their qemu driver; without KVM: "tcg".
job ${hcl(guest.name)} {
  type = "service"

  group "guest" {
    count = 1

    network {
      port "http" {}
    }

    service {
      name     = ${hcl(guest.name)}
      port     = "http"
      provider = "nomad"

      check {
        type     = "tcp"
        interval = "5s"
        timeout  = "2s"
      }
    }

    restart {
      attempts = 3
      interval = "1m"
      delay    = "1s"
      mode     = "delay"
    }

    task "guest" {
      driver       = "qemu"
      kill_timeout = "20s"

      config {
        image_path        = ${hcl(`${guest.folder}/${FILES.disk}`)}
        accelerator       = "kvm"
        graceful_shutdown = true
        # Nothing is written to the disk, so that any number of guests may share it.
        args              = [${words.map(hcl).join(', ')}]

        port_map {
          http = 80
        }
      }

      resources {
        cpu    = 500
        memory = ${guest.memoryMiB}
      }
    }
  }
}
`
}
