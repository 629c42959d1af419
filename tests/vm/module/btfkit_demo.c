// SPDX-License-Identifier: GPL-2.0
/*
 * A module outside the kernel's tree with one of everything that its BTF can say: it is built for a real kernel, its BTF is encoded
 * on another, and what the first kernel shows of it in /sys/kernel/btf has to be what stands here (tests/vm/test_module.py).
 *
 * What it was compiled for it tells itself, in lines "btfkit_demo: NAME NUMBER".
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#ifndef __bpf_kfunc /* before 6.3 */
#define __bpf_kfunc __used noinline
#endif
#ifndef BTF_KFUNCS_START /* before 6.9 */
#define BTF_KFUNCS_START(name) BTF_SET8_START(name)
#define BTF_KFUNCS_END(name) BTF_SET8_END(name)
#endif

/* of its own, with a kernel's enum and 64 bits */
enum btfkit_mode { BTFKIT_IDLE, BTFKIT_BUSY = 7, BTFKIT_NEVER = -1 };
enum btfkit_wide { BTFKIT_NARROW = 1, BTFKIT_HUGE = 0x100000000000ULL };
typedef unsigned int btfkit_flags_t;

struct btfkit_device;
struct btfkit_elsewhere; /* defined nowhere */

/* function pointers, a kernel's typedef of one among them */
struct btfkit_ops {
	int (*open)(struct inode *inode, struct file *file);
	struct btfkit_device *(*find)(const char *name, enum pid_type type);
	irq_handler_t handler;
	void (*trace)(struct btfkit_device *dev, const char *format, ...);
};

struct btfkit_stats {
	u64 count;
	atomic_t users;
	s16 last;
};

struct btfkit_device {
	struct list_head list;          /* structs by value */
	struct mutex lock;
	wait_queue_head_t wait;
	struct work_struct work;
	struct qstr names[2];
	struct file *file;              /* only behind pointers */
	const struct task_struct *owner;
	struct btfkit_elsewhere *unknown;
	struct net_device **ports;
	const struct btfkit_ops *ops;
	enum pid_type type;             /* enums and typedefs */
	enum btfkit_mode mode;
	enum btfkit_wide wide;
	btfkit_flags_t flags;
	gfp_t gfp;
	umode_t umode;
	unsigned int ready:1;           /* bitfields */
	unsigned int level:5;
	union {
		kuid_t uid;
		struct {
			u8 major;
			s8 minor;
		};
		char label[16];
	};
	volatile bool stop;
	struct btfkit_stats __percpu *stats;
};

DEFINE_PER_CPU(struct btfkit_stats, btfkit_stats);
static DEFINE_PER_CPU(struct list_head, btfkit_lists);
static struct btfkit_device btfkit_device;
static const struct file *btfkit_last;

/* called by BPF programs; kfunc.bpf.c calls the last */
__bpf_kfunc struct task_struct *btfkit_demo_owner(struct task_struct *task, u32 mode);
__bpf_kfunc int btfkit_demo_answer(struct file *file, int question);
__bpf_kfunc u64 btfkit_demo_twice(u32 number);

__bpf_kfunc struct task_struct *btfkit_demo_owner(struct task_struct *task, u32 mode)
{
	return mode == BTFKIT_IDLE ? NULL : task;
}

__bpf_kfunc int btfkit_demo_answer(struct file *file, int question)
{
	return file ? question * 2 : 42;
}

__bpf_kfunc u64 btfkit_demo_twice(u32 number)
{
	return 2ULL * number;
}

BTF_KFUNCS_START(btfkit_demo_kfuncs)
BTF_ID_FLAGS(func, btfkit_demo_owner, KF_RET_NULL)
BTF_ID_FLAGS(func, btfkit_demo_answer)
BTF_ID_FLAGS(func, btfkit_demo_twice)
BTF_KFUNCS_END(btfkit_demo_kfuncs)

BTF_ID_LIST(btfkit_demo_ids)
BTF_ID(struct, file)
BTF_ID(struct, btfkit_device)

static const struct btf_kfunc_id_set btfkit_demo_set = {
	.owner = THIS_MODULE,
	.set = &btfkit_demo_kfuncs,
};

static int btfkit_open(struct inode *inode, struct file *file)
{
	btfkit_last = file;
	this_cpu_inc(btfkit_stats.count);
	return S_ISREG(inode->i_mode);
}

static noinline struct btfkit_device *btfkit_find(const char *name, enum pid_type type)
{
	return !strcmp(name, btfkit_device.label) && type == btfkit_device.type ? &btfkit_device : NULL;
}

static irqreturn_t btfkit_handler(int irq, void *data)
{
	return data == &btfkit_device ? IRQ_HANDLED : IRQ_NONE;
}

static const struct btfkit_ops btfkit_ops = {
	.open = btfkit_open,
	.find = btfkit_find,
	.handler = btfkit_handler,
};

static void btfkit_work(struct work_struct *work)
{
	struct btfkit_device *dev = container_of(work, struct btfkit_device, work);

	dev->wide = BTFKIT_HUGE;
	wake_up_all(&dev->wait);
}

static int __init btfkit_init(void)
{
	struct btfkit_device *dev = &btfkit_device;

	INIT_LIST_HEAD(&dev->list);
	INIT_LIST_HEAD(this_cpu_ptr(&btfkit_lists));
	mutex_init(&dev->lock);
	init_waitqueue_head(&dev->wait);
	INIT_WORK(&dev->work, btfkit_work);
	dev->ops = &btfkit_ops;
	dev->owner = current;
	dev->gfp = GFP_KERNEL;
	dev->stats = &btfkit_stats;
	schedule_work(&dev->work);
	flush_work(&dev->work);

	pr_info("btfkit_demo: kfuncs %d\n", register_btf_kfunc_id_set(BPF_PROG_TYPE_SYSCALL, &btfkit_demo_set));
	pr_info("btfkit_demo: id_of_file %u\n", btfkit_demo_ids[0]);
	pr_info("btfkit_demo: id_of_device %u\n", btfkit_demo_ids[1]);
	pr_info("btfkit_demo: struct_mutex %zu\n", sizeof(struct mutex));
	pr_info("btfkit_demo: struct_work_struct %zu\n", sizeof(struct work_struct));
	pr_info("btfkit_demo: struct_file %zu\n", sizeof(struct file));
	pr_info("btfkit_demo: struct_task_struct %zu\n", sizeof(struct task_struct));
	pr_info("btfkit_demo: struct_btfkit_device %zu\n", sizeof(struct btfkit_device));
	pr_info("btfkit_demo: device.wait %zu\n", offsetof(struct btfkit_device, wait));
	pr_info("btfkit_demo: device.file %zu\n", offsetof(struct btfkit_device, file));
	pr_info("btfkit_demo: device.label %zu\n", offsetof(struct btfkit_device, label));
	return 0;
}

static void __exit btfkit_exit(void)
{
	cancel_work_sync(&btfkit_device.work);
}

module_init(btfkit_init);
module_exit(btfkit_exit);
MODULE_DESCRIPTION("one of everything that BTF can say");
MODULE_LICENSE("GPL");
